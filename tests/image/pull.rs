//! `pull` from Debian's docker-registry.

use crate::support::image::{Image, Layer, busybox};
use crate::support::{Registry, Sandbox, needs};
use serde_json::json;
use std::process::Command;

fn skopeo(args: &[&str]) {
    let output = Command::new("skopeo").args(["--insecure-policy"]).args(args).output().expect("skopeo runs");
    assert!(output.status.success(), "skopeo {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn archive(sandbox: &Sandbox, image: &Image) -> std::path::PathBuf {
    let path = sandbox.path("work").join(format!("{}.tar", image.id()));
    image.save(&path);
    path
}

#[test]
fn a_registry_without_tls_is_used_when_told_so() {
    needs![root, docker_registry, skopeo];
    let sandbox = Sandbox::new();
    let registry = Registry::plain(&sandbox);
    let name = registry.push_archive(&busybox(), "busybox:latest");
    sandbox
        .run(&format!("pull -q {name}"))
        .code(125)
        .has(&format!("Error: initializing source docker://{name}: pinging container registry {}: server gave HTTP response to HTTPS client", registry.address()));
    let pulled = sandbox.run(&format!("pull --tls-verify=false {name}")).code(0);
    assert_eq!(pulled.text().len(), 64, "{pulled}");
    for line in [
        "Trying to pull",
        "Getting image source signatures",
        "Copying blob sha256:",
        "Copying config sha256:",
        "Writing manifest",
    ] {
        assert!(pulled.stderr.contains(line), "{line}: {pulled}");
    }
    let id = pulled.text().to_string();
    // Without its registry's tag of latest, quietly, with nothing to do.
    sandbox
        .run(&format!("pull -q --tls-verify=false {}", registry.image("busybox")))
        .ok()
        .stdout_is(&format!("{id}\n"));
    sandbox.run(&format!("pull --tls-verify=false {name}")).code(0).has("skipped: already exists");
    sandbox.run(&format!("image exists {name}")).ok().forget();
    sandbox
        .run(&format!("pull -q --tls-verify=false {}", registry.image("nothing:1")))
        .fails()
        .code(125)
        .has("manifest unknown");
    sandbox
        .run("pull -q --tls-verify=false 127.0.0.1:1/x")
        .fails()
        .has("pinging container registry 127.0.0.1:1: connection refused");
}

#[test]
fn registries_conf_can_say_it_and_docker_trusts_loopback() {
    needs![root, docker_registry, skopeo];
    let mut sandbox = Sandbox::new();
    let registry = Registry::plain(&sandbox);
    let name = registry.push_archive(&busybox(), "team/busybox:1");
    let pulled = sandbox.run_as("docker", &format!("pull {name}")).code(0);
    assert_eq!(pulled.stderr, "", "{pulled}");
    let lines = pulled.lines();
    assert_eq!(lines[0], "1: Pulling from team/busybox", "{pulled}");
    assert!(pulled.stdout.contains(": Pulling fs layer") && pulled.stdout.contains(": Pull complete"), "{pulled}");
    assert!(pulled.stdout.contains("\nDigest: sha256:"), "{pulled}");
    assert!(pulled.stdout.ends_with(&format!("Status: Downloaded newer image for {name}\n{name}\n")), "{pulled}");
    sandbox.run_as("docker", &format!("pull {name}")).code(0).has("Status: Image is up to date for");
    let latest = registry.image("team/busybox");
    sandbox.run_as("docker", &format!("pull {latest}")).code(1).has("Using default tag: latest").has(&format!(
        "Error response from daemon: manifest for {latest}:latest not found: manifest unknown: manifest unknown"
    ));
    let conf = sandbox.file(
        "registries.conf",
        format!(
            "unqualified-search-registries = ['{0}']\n[[registry]]\nlocation = '{0}'\ninsecure = true\n[[registry]]\nprefix = 'moved.test/a'\nlocation = '{0}/team'\ninsecure = true\n[[registry]]\nprefix = 'shut.test'\nblocked = true\n[aliases]\n'short' = '{0}/team/busybox'\n",
            registry.address()
        ),
    );
    sandbox.env("CONTAINERS_REGISTRIES_CONF", &conf.to_string_lossy());
    sandbox.run(&format!("rmi {name}")).code(0).forget();
    sandbox.run("pull -q moved.test/a/busybox:1").ok().forget();
    sandbox.run("image exists moved.test/a/busybox:1").ok().forget();
    sandbox.run("pull -q short:1").ok().forget();
    sandbox.run("pull -q team/busybox:1").ok().forget();
    sandbox.run(&format!("image exists {name}")).ok().forget();
    sandbox.run("pull -q shut.test/x").fails().has("blocked in registries.conf");
}

#[test]
fn tls_is_verified_with_the_systems_or_special_authorities() {
    needs![root, docker_registry, skopeo, openssl];
    let mut sandbox = Sandbox::new();
    let registry = Registry::tls(&sandbox);
    let name = registry.push_archive(&busybox(), "busybox:tls");
    sandbox.run(&format!("pull -q {name}")).fails().has("certificate signed by unknown authority");
    sandbox.run(&format!("pull -q --tls-verify=false {name}")).ok().forget();
    sandbox.file("certs/ca.crt", std::fs::read(registry.ca()).unwrap());
    let certs = sandbox.path("certs").display().to_string();
    sandbox.run(&format!("pull -q --cert-dir {certs} {name}")).ok().forget();
    sandbox.file(
        &format!("home/.config/containers/certs.d/{}/ca.crt", registry.address()),
        std::fs::read(registry.ca()).unwrap(),
    );
    sandbox.run(&format!("pull -q {name}")).ok().forget();
    std::fs::remove_dir_all(sandbox.path("home/.config")).unwrap();
    sandbox.env("SSL_CERT_FILE", &registry.ca().to_string_lossy());
    sandbox.run(&format!("pull -q {name}")).ok().forget();
    // The certificate is for 127.0.0.1 only if it says so.
    let other = name.replace("127.0.0.1", "127.0.0.2");
    sandbox.run(&format!("pull -q --retry 0 {other}")).code(125).forget();
}

#[test]
fn layers_may_be_compressed_in_any_way() {
    needs![root, docker_registry, skopeo];
    let sandbox = Sandbox::new();
    let registry = Registry::plain(&sandbox);
    let image = Image::new("any:1")
        .layer(Layer::new().dir("d", 0o755).file("d/one", 0o644, "1".repeat(100_000)))
        .layer(Layer::new().file("d/two", 0o600, "2").symlink("l", "d/two"));
    let path = archive(&sandbox, &image);
    for (tag, args) in [
        ("gzip", vec!["--format", "v2s2"]),
        ("oci", vec!["--format", "oci"]),
        ("zstd", vec!["--format", "oci", "--dest-compress", "--dest-compress-format", "zstd"]),
        ("plain", vec!["--dest-decompress"]),
    ] {
        let target = format!("docker://{}", registry.image(&format!("any:{tag}")));
        let source = format!("docker-archive:{}", path.display());
        let mut words = vec!["copy", "-q", "--dest-tls-verify=false"];
        words.extend(args);
        words.extend([source.as_str(), target.as_str()]);
        skopeo(&words);
        let sandbox = Sandbox::new();
        let pulled = sandbox.run(&format!("pull -q --tls-verify=false {}", registry.image(&format!("any:{tag}")))).ok();
        // For another format skopeo makes another config, whose digest is the id.
        let manifest =
            Command::new("skopeo").args(["inspect", "--raw", "--tls-verify=false", &target]).output().unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&manifest.stdout).unwrap();
        assert_eq!(manifest["config"]["digest"], format!("sha256:{}", pulled.text()), "{tag}");
    }
}

#[test]
fn credentials_by_flag_and_by_login() {
    needs![root, docker_registry, skopeo, htpasswd];
    let sandbox = Sandbox::new();
    let registry = Registry::htpasswd(&sandbox, "ann", "secret");
    let name = registry.image("busybox:1");
    skopeo(&[
        "copy",
        "-q",
        "--dest-tls-verify=false",
        "--dest-creds",
        "ann:secret",
        &format!("docker-archive:{}", busybox().display()),
        &format!("docker://{name}"),
    ]);
    let address = registry.address();
    sandbox.run(&format!("pull -q --tls-verify=false {name}")).fails().has("unauthorized: authentication required");
    sandbox.run(&format!("pull -q --tls-verify=false --creds ann:wrong {name}")).fails().has("unauthorized");
    sandbox.run(&format!("pull -q --tls-verify=false --creds ann:secret {name}")).ok().forget();

    sandbox
        .run(&format!("pull -q --authfile /nowhere --tls-verify=false {name}"))
        .fails()
        .has("credential file is not accessible: stat /nowhere");
    sandbox.run(&format!("login --get-login {address}")).fails().has(&format!("not logged into {address}"));
    sandbox
        .run(&format!("login --tls-verify=false -u ann -p wrong {address}"))
        .fails()
        .code(125)
        .has(&format!("logging into \"{address}\": invalid username/password"));
    sandbox
        .run_with_input(&format!("login --tls-verify=false -u ann --password-stdin {address}"), b"secret\n")
        .ok()
        .stdout_is("Login Succeeded!\n");
    let file = sandbox.path("home/.config/containers/auth.json");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    sandbox.run(&format!("login --get-login {address}")).ok().stdout_is("ann\n");
    sandbox.run(&format!("pull -q --tls-verify=false {name}")).ok().forget();
    sandbox.run(&format!("push -q --tls-verify=false {name} {}", registry.image("other:1"))).ok().forget();
    sandbox.run(&format!("logout {address}")).ok().stdout_is(&format!("Removed login credentials for {address}\n"));
    sandbox.run(&format!("logout {address}")).fails().has(&format!("not logged into {address}"));
    sandbox.run(&format!("pull -q --tls-verify=false {name}")).fails().has("unauthorized");

    // As docker: its file, its words.
    sandbox.run_as("docker", &format!("login -u ann -p secret {address}")).code(0).has("Login Succeeded\n");
    let text = std::fs::read_to_string(sandbox.path("home/.docker/config.json")).unwrap();
    assert!(text.contains(&address) && text.contains("YW5uOnNlY3JldA=="), "{text}");
    sandbox.run_as("docker", &format!("pull -q {name}")).ok().forget();
    sandbox.run_as("docker", &format!("logout {address}")).ok().has("Removing login credentials for");
}

#[test]
fn credential_helpers_are_asked() {
    needs![root, docker_registry, skopeo, htpasswd];
    let mut sandbox = Sandbox::new();
    let registry = Registry::htpasswd(&sandbox, "bob", "hush");
    let address = registry.address();
    let kept = sandbox.path("kept");
    let script = format!(
        "#!/bin/sh\ncase $1 in\nstore) cat > {0};;\nget) read url; if [ -f {0} ]; then cat {0}; else echo 'credentials not found in native keychain'; exit 1; fi;;\nerase) rm -f {0};;\nesac\n",
        kept.display()
    );
    let helper = sandbox.file("helpers/docker-credential-test", script);
    std::fs::set_permissions(&helper, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    sandbox.env("PATH", &format!("{}:/usr/bin:/bin", sandbox.path("helpers").display()));
    sandbox.file("home/.config/containers/auth.json", json!({"credHelpers": {address.clone(): "test"}}).to_string());
    sandbox.run(&format!("login --tls-verify=false -u bob -p hush {address}")).ok().forget();
    let text = std::fs::read_to_string(&kept).unwrap();
    assert!(text.contains("\"Secret\":\"hush\""), "{text}");
    let file = std::fs::read_to_string(sandbox.path("home/.config/containers/auth.json")).unwrap();
    assert!(!file.contains("auths"), "the secret stays in the helper: {file}");
    sandbox.run(&format!("login --get-login {address}")).ok().stdout_is("bob\n");
    sandbox.run(&format!("pull -q --tls-verify=false {}", registry.image("none:1"))).fails().has("manifest unknown");
    sandbox.run(&format!("logout {address}")).ok().forget();
    assert!(!kept.exists());
}

#[test]
fn all_tags_and_digests() {
    needs![root, docker_registry, skopeo];
    let sandbox = Sandbox::new();
    let registry = Registry::plain(&sandbox);
    for tag in ["1", "2"] {
        registry.push_archive(&busybox(), &format!("many:{tag}"));
    }
    sandbox.run(&format!("pull -q -a --tls-verify=false {}", registry.image("many"))).ok().forget();
    for tag in ["1", "2"] {
        sandbox.run(&format!("image exists {}", registry.image(&format!("many:{tag}")))).ok().forget();
    }
    sandbox
        .run(&format!("pull -q -a --tls-verify=false {}", registry.image("many:1")))
        .fails()
        .has("tag can't be used with --all-tags");
    let digests = sandbox
        .run(&format!("image inspect --format '{{{{index .RepoDigests 0}}}}' {}", registry.image("many:1")))
        .ok();
    let by_digest = digests.text().to_string();
    assert!(by_digest.contains("@sha256:"), "{by_digest}");
    let sandbox = Sandbox::new();
    sandbox.run(&format!("pull -q --tls-verify=false {by_digest}")).ok().forget();
    sandbox.run(&format!("image exists {by_digest}")).ok().forget();
    let wrong = format!("{}@sha256:{}", registry.image("many"), "0".repeat(64));
    sandbox.run(&format!("pull -q --tls-verify=false {wrong}")).fails().has("manifest unknown");
}

#[test]
fn an_ordinary_user_pulls_as_well() {
    needs![rootless, docker_registry, skopeo];
    let files = Sandbox::new();
    let registry = Registry::plain(&files);
    let name = registry.push_archive(&busybox(), "busybox:1");
    let sandbox = Sandbox::rootless();
    sandbox.run(&format!("pull -q --tls-verify=false {name}")).ok().forget();
    sandbox.run(&format!("image exists {name}")).ok().forget();
    sandbox.run(&format!("push -q --tls-verify=false {name} {}", registry.image("copy:1"))).ok().forget();
}
