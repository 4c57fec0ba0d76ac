//! stylecast paints moving pictures: it repaints every frame of a film in the style of any picture.
//!
//! The pixels of each frame are optimised directly against a VGG network (Gatys et al. 2016), and
//! each frame starts from the previous painted one, so that a few iterations are enough. Nothing is
//! trained.
//!
//! A frame walks one way through the rooms, from a [`source`] through [`stylize`] to a [`sink`];
//! `docs/ARCHITECTURE.md` shows the house.

pub mod bench;
pub mod cli;
pub mod device;
pub mod error;
pub mod eval;
#[cfg(feature = "video")]
pub mod ffmpeg;
pub mod files;
pub mod flow;
pub mod frame;
pub mod kernels;
pub mod loss;
pub mod models;
mod names;
pub mod numbered;
pub mod optim;
pub mod pipeline;
pub mod pixels;
pub mod provenance;
pub mod resize;
pub mod sink;
pub mod slot;
pub mod source;
pub mod study;
pub mod stylize;
pub mod text;
pub mod time;
#[cfg(all(feature = "webcam", target_os = "linux"))]
pub mod v4l2;
pub mod vgg;
pub mod yuv;
