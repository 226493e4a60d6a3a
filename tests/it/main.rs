//! The whole program, one file for each thing that it can do.

mod scenario;
