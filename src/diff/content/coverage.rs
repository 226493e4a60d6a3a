//! What was compared: the sections of the answers, by endpoint.

use std::collections::{BTreeMap, BTreeSet};

use guest_access_rules::endpoint::EndpointId;
use serde::Serialize;

/// What was compared of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ContentCheck {
    /// Whether the reader may be given each of the events.
    Events,
    /// Whether every event is there that the section has to give.
    Whole,
    /// Whether the events are in their order.
    Order,
    /// Whether what the section says of members, rooms and events is so.
    Facts,
    /// Whether the call has the effect that it has to have.
    Effect,
}

impl ContentCheck {
    /// The name in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Whole => "whole",
            Self::Order => "order",
            Self::Facts => "facts",
            Self::Effect => "effect",
        }
    }
}

/// One section of the answers of one endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SectionCoverage {
    /// The endpoint.
    pub endpoint: String,
    /// The section: the keys that lead to the events; empty, where the answer is the event or the list.
    pub section: String,
    /// What was compared; nothing, if no check applied to any answer.
    pub checks: Vec<ContentCheck>,
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

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Counts {
    checks: BTreeSet<ContentCheck>,
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
            counts.checks.insert(ContentCheck::Events);
            counts.given += 1;
        } else {
            counts.unknown += 1;
        }
    }

    pub(super) fn is_due(&mut self, endpoint: EndpointId, section: &str, events: usize) {
        self.checks(endpoint, section, ContentCheck::Whole);
        self.sections.entry((endpoint, section.to_owned())).or_default().due += events;
    }

    /// A check was made of a section.
    pub(in super::super) fn checks(
        &mut self,
        endpoint: EndpointId,
        section: &str,
        check: ContentCheck,
    ) {
        self.answered.insert(endpoint);
        self.sections.entry((endpoint, section.to_owned())).or_default().checks.insert(check);
    }

    /// Adds what was compared elsewhere.
    pub(in super::super) fn add(&mut self, other: &Self) {
        for (section, counts) in &other.sections {
            let sum = self.sections.entry(section.clone()).or_default();
            sum.checks.extend(&counts.checks);
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
        let sections =
            self.sections.iter().map(|(section, counts)| (section.clone(), counts.clone()));
        let all: BTreeMap<_, _> = sections.chain(empty).collect();
        let section = |((endpoint, section), counts): ((EndpointId, String), Counts)| {
            let Counts { checks, given, due, unknown } = counts;
            let (endpoint, checks) = (endpoint.to_string(), checks.into_iter().collect());
            SectionCoverage { endpoint, section, checks, given, due, unknown }
        };
        all.into_iter().map(section).collect()
    }
}
