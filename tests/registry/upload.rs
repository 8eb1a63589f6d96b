//! Uploads: chunks, breaks, mounts.

use super::image;
use crate::support::fake::{Fake, Reply};
use crate::support::{Sandbox, needs};

#[test]
fn a_broken_upload_goes_on_where_it_was() {
    needs![root];
    let sandbox = Sandbox::new();
    let made = image(&[20_000_000]);
    sandbox.load(&made);
    let fake = Fake::start();
    let mut number = 0;
    fake.rule(move |seen, _| {
        if seen.method != "PATCH" {
            return None;
        }
        number += 1;
        // The second chunk is refused once.
        (number == 2).then(|| Reply::new(503, ""))
    });
    let target = fake.image("app:1");
    sandbox.run(&format!("push -q --retry-delay 10ms --tls-verify=false {} {target}", made.id())).ok().forget();
    let asked = fake.seen().iter().filter(|seen| seen.method == "GET" && seen.path.contains("/blobs/uploads/")).count();
    assert_eq!(asked, 1, "the registry was asked how far it came");
    let pulled = Sandbox::new().run(&format!("pull -q --tls-verify=false {target}")).ok().text().to_string();
    assert_eq!(pulled, made.id());
}

#[test]
fn layers_are_mounted_from_known_repositories() {
    needs![root];
    let sandbox = Sandbox::new();
    let fake = Fake::start();
    let made = fake.put("base", "1", &image(&[5000, 6000]));
    let name = fake.image("base:1");
    sandbox.run(&format!("pull -q --tls-verify=false {name}")).ok().forget();
    // As if every repository had its own blobs.
    fake.rule(|seen, _| (seen.method == "HEAD" && seen.path.contains("/v2/other/blobs/")).then(|| Reply::new(404, "")));
    sandbox.run(&format!("push -q --tls-verify=false {name} {}", fake.image("other:1"))).ok().forget();
    let mounts: Vec<_> = fake.seen().into_iter().filter(|seen| seen.path.contains("mount=")).collect();
    assert_eq!(mounts.len(), 2, "{mounts:?}");
    assert!(mounts.iter().all(|seen| seen.path.ends_with("from=base")));
    assert!(!fake.seen().iter().any(|seen| seen.method == "PATCH"));
    let (one, two) = fake.change(|content| (content.manifests["base/1"].clone(), content.manifests["other/1"].clone()));
    assert_eq!(one, two, "the manifest goes back as it came");
    assert_eq!(made.layers.len(), 2);
}
