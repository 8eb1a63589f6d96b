//! Downloads that break off are taken up where they ended.

use super::image;
use crate::support::fake::{Fake, Manner, Reply};
use crate::support::{Sandbox, needs};
use std::time::{Duration, Instant};

#[test]
fn a_broken_layer_goes_on_by_range() {
    needs![root];
    let sandbox = Sandbox::new();
    let fake = Fake::start();
    let made = fake.put("app", "1", &image(&[3_000_000, 1000]));
    let layer = made.layers[0].clone();
    let mut breaks = 2;
    fake.rule(move |seen, content| {
        if !seen.gets(&layer) || breaks == 0 {
            return None;
        }
        breaks -= 1;
        let start = seen
            .header("range")
            .and_then(|text| text.strip_prefix("bytes=")?.split('-').next()?.parse().ok())
            .unwrap_or(0);
        let blob = &content.blobs[&layer];
        let reply = Reply::new(if start == 0 { 200 } else { 206 }, &blob[start..])
            .header("Content-Range", format!("bytes {start}-{}/{}", blob.len() - 1, blob.len()));
        Some(reply.manner(Manner::Cut(1_000_000)))
    });
    let pulled = sandbox.run(&format!("pull -q --retry-delay 10ms --tls-verify=false {}", fake.image("app:1"))).ok();
    assert_eq!(format!("sha256:{}", pulled.text()), made.id);
    let ranges: Vec<_> = fake
        .seen()
        .into_iter()
        .filter(|seen| seen.gets(&made.layers[0]))
        .map(|seen| seen.header("range").map(str::to_string))
        .collect();
    assert_eq!(ranges.len(), 3, "{ranges:?}");
    assert!(ranges[0].is_none() && ranges[1].is_some() && ranges[2].is_some(), "{ranges:?}");
}

#[test]
fn a_registry_without_ranges_is_read_from_the_start_again() {
    needs![root];
    let sandbox = Sandbox::new();
    let fake = Fake::start();
    let made = fake.put("app", "1", &image(&[2_000_000]));
    let layer = made.layers[0].clone();
    let mut breaks = 1;
    fake.rule(move |seen, content| {
        if !seen.gets(&layer) {
            return None;
        }
        let manner = if breaks > 0 { Manner::Cut(700_000) } else { Manner::Whole };
        breaks -= 1;
        Some(Reply::new(200, content.blobs[&layer].clone()).manner(manner))
    });
    let pulled = sandbox.run(&format!("pull -q --retry-delay 10ms --tls-verify=false {}", fake.image("app:1"))).ok();
    assert_eq!(format!("sha256:{}", pulled.text()), made.id);
}

#[test]
fn a_killed_pull_is_taken_up_by_the_next_one() {
    needs![root];
    let sandbox = Sandbox::new();
    let fake = Fake::start();
    let made = fake.put("app", "1", &image(&[12_000_000]));
    let layer = made.layers[0].clone();
    let mut hangs = 1;
    fake.rule(move |seen, content| {
        if !seen.gets(&layer) || hangs == 0 {
            return None;
        }
        hangs -= 1;
        Some(Reply::new(200, content.blobs[&layer].clone()).manner(Manner::Hang(9_000_000)))
    });
    let line = format!("pull -q --tls-verify=false {}", fake.image("app:1"));
    let words = crate::support::words(&line);
    let mut child = sandbox.command(&words.iter().map(String::as_str).collect::<Vec<_>>()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    let kept = loop {
        let kept: u64 = std::fs::read_dir(sandbox.root().join("partial"))
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| entry.metadata().ok())
            .map(|meta| meta.len())
            .sum();
        if kept > 8_000_000 {
            break kept;
        }
        assert!(Instant::now() < deadline, "only {kept} bytes were kept");
        std::thread::sleep(Duration::from_millis(20));
    };
    child.kill().unwrap();
    child.wait().unwrap();
    let pulled = sandbox.run(&line).ok();
    assert_eq!(format!("sha256:{}", pulled.text()), made.id);
    let seen = fake.seen();
    let range = seen.iter().rfind(|seen| seen.gets(&made.layers[0])).and_then(|seen| seen.header("range")).unwrap();
    let start: u64 = range.trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap();
    assert!(start >= kept, "{range} after {kept}");
    let left = std::fs::read_dir(sandbox.root().join("partial")).into_iter().flatten().count();
    assert_eq!(left, 0, "no second copy stays");
}

#[test]
fn a_partial_blob_is_not_trusted() {
    needs![root];
    let sandbox = Sandbox::new();
    let fake = Fake::start();
    let made = fake.put("app", "1", &image(&[6_000_000]));
    let hex = made.layers[0].trim_start_matches("sha256:");
    let mut wrong = fake.change(|content| content.blobs[&made.layers[0]][..5_000_000].to_vec());
    wrong[4_000_000..].fill(0);
    sandbox.run("images").ok().forget();
    sandbox.file(&format!("root/partial/{hex}"), wrong);
    let pulled = sandbox.run(&format!("pull -q --tls-verify=false {}", fake.image("app:1"))).ok();
    assert_eq!(format!("sha256:{}", pulled.text()), made.id);
}
