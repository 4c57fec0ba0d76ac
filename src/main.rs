//! The `stylecast` command.

fn main() {}
