//! Where a study is put: its sheet, all losses beside it, and the single pictures.

use super::report::LayersReport;
use crate::cli::args::LayersArgs;
use crate::cli::{media, settings};
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::sink::still::{MadeFolder, make_folder};
use crate::study::{Cell, Made, Study};
use std::path::{Path, PathBuf};

/// The names that will be written, and the files that must not be.
pub(super) struct Places<'a> {
    sheet: &'a Path,
    losses: PathBuf,
    pictures: Option<&'a Path>,
    /// Goes away again if nothing comes of the study.
    _made: Option<MadeFolder>,
    overwrite: bool,
    inputs: &'a [&'a Path],
}

impl<'a> Places<'a> {
    /// Checks that the sheet and the losses can be written, and makes the folder of the pictures.
    pub(super) fn new(args: &'a LayersArgs, inputs: &'a [&'a Path]) -> Result<Self> {
        let (sheet, overwrite) = (args.output.as_path(), args.overwrite);
        if settings::is_stdout(sheet) {
            return Err(Error::usage("a sheet cannot be written to a pipe")
                .hint("name a file, for example -o layers.png"));
        }
        settings::keep_inputs(sheet, inputs.iter().copied())?;
        media::check_picture_output(sheet, overwrite, inputs)?;
        let losses = sheet.with_extension("json");
        media::check_output(&losses, overwrite, inputs)?;
        let pictures = args.pictures.as_deref();
        let made = pictures.map(make_folder).transpose()?.flatten();
        Ok(Self { sheet, losses, pictures, _made: made, overwrite, inputs })
    }

    fn picture(folder: &Path, cell: &Cell) -> PathBuf {
        folder.join(format!("{}.png", cell.name))
    }

    /// Checks that the single pictures can be written.
    pub(super) fn check_pictures(&self, study: &Study) -> Result<()> {
        let Some(folder) = self.pictures else { return Ok(()) };
        for path in study.cells().map(|cell| Self::picture(folder, cell)) {
            if path == self.sheet {
                return Err(Error::usage(format!(
                    "{} would be the sheet and a picture of it",
                    path.display()
                ))
                .hint("give the sheet another name"));
            }
            media::check_output(&path, self.overwrite, self.inputs)?;
        }
        Ok(())
    }

    /// Writes the pictures, the losses, and at last the sheet.
    pub(super) fn write(
        &self,
        study: &Study,
        made: &[Made],
        sheet: &Frame,
        report: &LayersReport,
    ) -> Result<()> {
        if let Some(folder) = self.pictures {
            for (cell, made) in study.cells().zip(made) {
                let path = Self::picture(folder, cell);
                media::write_picture(&path, &made.picture, self.overwrite, self.inputs)?;
            }
        }
        media::write_json(&self.losses, report, self.overwrite, self.inputs)?;
        media::write_picture(self.sheet, sheet, self.overwrite, self.inputs)
    }
}
