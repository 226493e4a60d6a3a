//! What the rules permit of a step beside what our readings expect of it, and whether what was
//! observed is any of it.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Expect, Observed, Verdict};

/// An option that a homeserver may take at a decision point.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct TakenOption {
    /// The decision point, or `endpoint.` and the endpoint.
    pub point: String,
    /// The option.
    pub option: String,
    /// The reading on which our own rests, if it rests on one; none where the text is silent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reading: Option<String>,
}

/// What may come of a step where the text is read otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Permitted {
    /// The options that a homeserver takes of which this is expected.
    pub options: Vec<TakenOption>,
    /// What is expected. Left out, the step cannot be taken by this reading, and neither it nor what
    /// follows says anything of a homeserver that reads so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expect: Option<Expect>,
}

/// What came of a step, held against all that is permitted of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement<'a> {
    /// It is what our readings expect.
    AsExpected,
    /// It is what another reading expects, or it cannot be held against one that allows anything here.
    AsPermitted(&'a Permitted),
    /// It is nothing that is permitted: in this it differs from what our readings expect.
    Differs(Vec<String>),
}

impl Observed<'_> {
    /// Judges what was observed by what is expected of the step and by what is permitted beside.
    pub fn judge<'a>(&self, expect: &Expect, otherwise: &'a [Permitted]) -> Judgement<'a> {
        let differences = self.differs_from(expect);
        if differences.is_empty() {
            return Judgement::AsExpected;
        }
        let permits = |permitted: &&Permitted| {
            permitted.expect.as_ref().is_none_or(|expect| self.differs_from(expect).is_empty())
        };
        match otherwise.iter().find(permits) {
            Some(permitted) => Judgement::AsPermitted(permitted),
            None => Judgement::Differs(differences),
        }
    }

    fn differs_from(&self, expect: &Expect) -> Vec<String> {
        self.differences(expect, Verdict::of(&self.outcome.observation.decision))
    }
}
