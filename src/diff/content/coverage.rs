//! What was compared: the sections of the answers, by endpoint.

use std::collections::{BTreeMap, BTreeSet};

use guest_access_rules::endpoint::EndpointId;
use serde::Serialize;

/// One section of the answers of one endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SectionCoverage {
    /// The endpoint.
    pub endpoint: String,
    /// The section: the keys that lead to the events; empty, where the answer is the event or the list.
    pub section: String,
    /// The number of events in the section, each compared with what its reader may be given.
    pub given: usize,
    /// The number of events that the section had to give.
    pub due: usize,
    /// The number of events that no timeline has, and that were not compared.
    pub unknown: usize,
}

/// The sections that were compared in a run or in a part of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in super::super) struct ContentCoverage {
    sections: BTreeMap<(EndpointId, String), Counts>,
    /// The endpoints whose answers were looked at.
    answered: BTreeSet<EndpointId>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    given: usize,
    due: usize,
    unknown: usize,
}

impl ContentCoverage {
    pub(super) fn is_answered(&mut self, endpoint: EndpointId) {
        self.answered.insert(endpoint);
    }

    pub(super) fn gives(&mut self, endpoint: EndpointId, section: &str, is_known: bool) {
        let counts = self.sections.entry((endpoint, section.to_owned())).or_default();
        if is_known {
            counts.given += 1;
        } else {
            counts.unknown += 1;
        }
    }

    pub(super) fn is_due(&mut self, endpoint: EndpointId, section: &str, events: usize) {
        self.sections.entry((endpoint, section.to_owned())).or_default().due += events;
    }

    /// Adds what was compared elsewhere.
    pub(in super::super) fn add(&mut self, other: &Self) {
        for (section, counts) in &other.sections {
            let sum = self.sections.entry(section.clone()).or_default();
            sum.given += counts.given;
            sum.due += counts.due;
            sum.unknown += counts.unknown;
        }
        self.answered.extend(&other.answered);
    }

    /// The sections, by endpoint. An endpoint whose answers gave no event has one section without events.
    pub(in super::super) fn sections(&self) -> Vec<SectionCoverage> {
        let is_compared =
            |endpoint: &EndpointId| self.sections.keys().any(|(known, _)| known == endpoint);
        let empty = self.answered.iter().filter(|endpoint| !is_compared(endpoint));
        let empty = empty.map(|endpoint| ((*endpoint, String::new()), Counts::default()));
        let sections = self.sections.iter().map(|(section, counts)| (section.clone(), *counts));
        let all: BTreeMap<_, _> = sections.chain(empty).collect();
        let section = |((endpoint, section), counts): ((EndpointId, String), Counts)| {
            let Counts { given, due, unknown } = counts;
            SectionCoverage { endpoint: endpoint.to_string(), section, given, due, unknown }
        };
        all.into_iter().map(section).collect()
    }
}
