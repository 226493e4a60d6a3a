//! An executable, checkable specification of Matrix guest access.

pub mod reference;
pub mod scenario;
pub mod subject;
