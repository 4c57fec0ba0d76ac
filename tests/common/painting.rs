//! What every test that paints needs: the network with the weights of the house, and the house's pictures.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]
#![allow(dead_code, unreachable_pub, reason = "each test file uses some of these")]

use stylecast::device::Device;
use stylecast::frame::Frame;
use stylecast::source::still::read_picture;
use stylecast::vgg::{CpuSettings, Network, Pooling, Weights};

pub fn weights() -> Weights {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/models/vgg16-features.safetensors");
    Weights::parse(&std::fs::read(path).unwrap(), path, None).unwrap()
}

pub fn network() -> Network {
    Network::new(&weights(), Pooling::Average, &Device::Cpu, CpuSettings::default()).unwrap()
}

/// One of examples/media.
pub fn picture(name: &str) -> Frame {
    let path = format!("{}/examples/media/{name}", env!("CARGO_MANIFEST_DIR"));
    read_picture(path.as_ref()).unwrap()
}
