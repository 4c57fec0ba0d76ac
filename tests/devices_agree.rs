//! The check of a device finds engines that agree, and tells those that do not.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod cli_parts;
#[path = "common/painting.rs"]
mod painting;

use cli_parts::Desk;
use painting::{network, weights};
use stylecast::bench::agreement::{Agreement, Check, compare};
use stylecast::device::Device;
use stylecast::frame::Size;
use stylecast::loss::ObjectiveSettings;
use stylecast::vgg::{CpuSettings, Network, Pooling};

fn compared(pooling: Pooling, size: Size) -> Agreement {
    let subject = Network::new(&weights(), pooling, &Device::reference(), CpuSettings::default()).unwrap();
    let check = Check { size, seed: 7, iterations: 10 };
    let names = ["tensor", "f32"].map(str::to_owned);
    compare(&network(), &subject, names, &ObjectiveSettings::default(), check).unwrap()
}

#[test]
fn the_reference_agrees_with_the_cpus_engine() {
    let agreement = compared(Pooling::Average, Size::new(19, 17));
    assert!(agreement.passed, "{agreement:?}");
    assert_eq!(agreement.layers.len(), 13);
    let iterations: Vec<_> = agreement.objectives.iter().map(|o| o.iterations).collect();
    assert_eq!(iterations, [1, 10]);
    assert!(agreement.objectives[1].cpu < agreement.objectives[0].cpu, "{agreement:?}");
}

#[test]
fn a_device_with_another_pool_is_told() {
    let agreement = compared(Pooling::Max, Size::new(16, 16));
    assert!(!agreement.passed && agreement.cosine < 0.999, "{agreement:?}");
    // The first block has no pool yet.
    for layer in &agreement.layers {
        assert_eq!(layer.cosine > 0.999, layer.layer.starts_with("conv1"), "{layer:?}");
    }
}

#[test]
fn the_command_checks_both_pools_at_every_size() {
    let desk = Desk::new();
    let check = |more: &[&str]| {
        desk.run(&[&["bench", "--check", "--device", "cpu", "--iterations", "1"], more].concat()).succeeds()
    };
    let lines = check(&["--size", "17x16,16x18", "--seed", "11", "--json"]).json();
    let told: Vec<_> = lines.iter().map(|l| (l["pooling"].as_str().unwrap(), l["width"].as_u64())).collect();
    assert_eq!(told, [("avg", Some(17)), ("avg", Some(16)), ("max", Some(17)), ("max", Some(16))]);
    for line in &lines {
        assert_eq!((&line["type"], &line["device"]), (&"agreement".into(), &"tensor".into()));
        assert!(line["passed"] == true && line["seed"] == 11, "{line}");
    }
    // Other pictures every time.
    let people = check(&["--size", "16x16"]).out;
    let seeds: Vec<_> = people.split("(--seed ").skip(1).map(|rest| rest.split(')').next()).collect();
    assert!(people.contains("agrees with the CPU's engine") && seeds.len() == 2, "{people}");
    assert_ne!(seeds[0], seeds[1]);
    desk.run(&["bench", "--seed", "1"]).fails(2);
}
