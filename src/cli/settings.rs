//! What the arguments mean, in the library's own terms.

use super::args::{ObjectiveArgs, PaintArgs};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::frame::Size;
use crate::loss::ObjectiveSettings;
use crate::stylize::PaintSettings;
use crate::vgg::Model;
use std::path::Path;

/// What a GPU paints comfortably: the longest side of 720p, whose activations fit into 8 GB.
pub(super) const COMFORTABLE_GPU: usize = 1280;

/// What a CPU paints comfortably: the library's default.
pub(super) fn comfortable_cpu() -> usize {
    PaintSettings::default().paint_size.unwrap_or(512)
}

/// The objective, checked against the network that was named.
pub(super) fn objective(args: &ObjectiveArgs, model: Option<Model>) -> Result<ObjectiveSettings> {
    let settings = ObjectiveSettings {
        form: args.loss_form,
        content_weight: args.content_weight,
        style_weight: args.style_weight,
        tv_weight: args.tv,
        style_layers: args.style_layers.0.clone(),
        content_layers: args.content_layer.0.clone(),
        pooling: args.pooling,
    };
    // A file of weights may turn out to be VGG-19, which has every layer there is.
    settings.check(model.unwrap_or(Model::Vgg19))?;
    Ok(settings)
}

/// How to paint, but for the paint size, which depends on the device ([`paint_size`]).
pub(super) fn paint(args: &PaintArgs, iterations: usize, first_iterations: usize) -> Result<PaintSettings> {
    let model = args.model.model.or(args.model.weights.is_none().then_some(Model::Vgg16));
    let mut objective = objective(&args.objective, model)?;
    if let Some(strength) = args.strength {
        objective.style_weight *= strength.factor();
    }
    if objective.content_weight == 0.0 && objective.style_weight == 0.0 && objective.tv_weight == 0.0 {
        return Err(Error::usage(
            "the weights of content, style and smoothness are all 0: there is nothing to paint towards",
        )
        .hint(
            "leave --style-weight or --content-weight away, or use --iterations 0 to pass frames through",
        ));
    }
    let settings = PaintSettings {
        objective,
        optimizer: args.optimizer,
        learning_rate: args.learning_rate,
        iterations,
        first_iterations,
        start: args.start_from,
        keep_color: args.keep_color,
        paint_size: args.paint_size,
        style_size: args.style_size,
        seed: args.seed,
        ..PaintSettings::default()
    };
    settings.check()?;
    Ok(settings)
}

/// The longest side that is painted on `device`: the one asked for, or what is comfortable there.
pub(super) fn paint_size(asked: Option<usize>, device: &Device) -> usize {
    asked.unwrap_or_else(|| match device {
        Device::Tensor(device) if device.is_cuda() => COMFORTABLE_GPU,
        _ => comfortable_cpu(),
    })
}

/// The size that is written for a source of `size`; films need even sides.
pub(super) fn written(size: Size, asked: Option<usize>) -> Size {
    asked.map_or(size, |longest| size.with_longest_side(longest))
}

/// Refuses an output that is one of the files being read: it would be gone before it is read.
pub(super) fn keep_inputs<'a>(output: &Path, inputs: impl IntoIterator<Item = &'a Path>) -> Result<()> {
    let Ok(target) = output.canonicalize() else { return Ok(()) };
    for input in inputs {
        if input.canonicalize().is_ok_and(|input| input == target) {
            return Err(Error::usage(format!("cannot write {}: it is being read", output.display()))
                .hint("choose another name with -o"));
        }
    }
    Ok(())
}

/// Refuses `--json` where the film itself goes to stdout.
pub(super) fn keep_stdout(output: &Path, json: bool) -> Result<()> {
    if json && is_stdout(output) {
        return Err(Error::usage("--json and -o - both write to stdout")
            .hint("leave one of them away, or write the film to a file"));
    }
    Ok(())
}

/// Whether the output is `-`.
pub(super) fn is_stdout(output: &Path) -> bool {
    output == Path::new("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_follow_the_device_unless_told() {
        assert_eq!(paint_size(None, &Device::Cpu), 512);
        assert_eq!(paint_size(Some(96), &Device::Cpu), 96);
        assert_eq!(written(Size::new(1280, 720), None), Size::new(1280, 720));
        assert_eq!(written(Size::new(1280, 720), Some(640)), Size::new(640, 360));
        assert_eq!(written(Size::new(64, 32), Some(128)), Size::new(128, 64));
    }
}
