//! Seeing what the layers do: one picture painted again and again, each time with one thing changed, and all
//! of it on one labelled sheet.
//!
//! A [`Study`] says which pictures there are to paint, row by row. An [`Easel`] paints them one after the
//! other, and [`sheet`] puts what is painted on paper. `docs/WHY-LAYERS.md` tells what is to be seen.

mod easel;
mod page;
mod plan;
mod sheet;

pub use easel::{Easel, Made};
pub use plan::{Cell, Row, Study, StudyKind, StudySettings};
pub use sheet::{Heading, sheet};
