//! An executable, checkable specification of Matrix guest access.
