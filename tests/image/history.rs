//! `history`.

use crate::support::Sandbox;
use crate::support::image::{Image, Layer};

#[test]
fn steps_are_listed_newest_first() {
    let sandbox = Sandbox::new();
    let base = Layer::new().file("a", 0o644, "1").bytes();
    let image = Image::new("localhost/h:1").tar(base).layer(Layer::new().file("b", 0o644, vec![1; 5000]));
    sandbox.load(&image);
    let id = image.id();
    let table = sandbox.run("history localhost/h:1").ok();
    assert_eq!(
        table.lines()[0].split_whitespace().collect::<Vec<_>>(),
        ["ID", "CREATED", "CREATED", "BY", "SIZE", "COMMENT"]
    );
    assert!(table.lines()[1].starts_with(&id[..12]) && table.lines()[2].starts_with("<missing>"), "{table}");
    sandbox.run("history -q localhost/h:1").stdout_is(&format!("{}\n<missing>\n", &id[..12])).ok();
    sandbox.run("history -q --no-trunc localhost/h:1").stdout_is(&format!("{id}\n<missing>\n")).ok();
    sandbox
        .run("history --format '{{.CreatedBy}}|{{.Size}}' localhost/h:1")
        .stdout_is("tests/support/image.rs|6.66 kB\ntests/support/image.rs|2.05 kB\n")
        .forget();
    sandbox.run("history --human=false --format '{{.CreatedAt}}' localhost/h:1").ok();
    let json = sandbox.run("history --format json localhost/h:1").json();
    assert_eq!(json[0]["id"].as_str(), Some(&*id));
    assert!(json[0]["size"].as_u64().is_some_and(|size| size >= 5000));
    sandbox.run("image history nosuch").is("Error: nosuch: image not known\n").code(125).forget();
    let docker = sandbox.run_as("docker", "history localhost/h:1").ok();
    assert!(docker.lines()[0].starts_with("IMAGE"), "{docker}");
}
