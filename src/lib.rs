//! An executable, checkable specification of Matrix guest access.

pub mod command;
pub mod contention;
pub mod diff;
pub mod permitted;
pub mod reference;
pub mod report;
pub mod scenario;
pub mod serve;
pub mod subject;
pub mod vectors;
