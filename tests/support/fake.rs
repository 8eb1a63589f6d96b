//! A registry in this process that can misbehave: every request is written down, and rules may answer instead of it.

use super::image::{Image, sha256};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    /// With the query.
    pub path: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// `GET` of something whose path ends so.
    pub fn gets(&self, end: &str) -> bool {
        self.method == "GET" && self.path.ends_with(end)
    }
}

/// What is answered.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub manner: Manner,
}

/// How a body is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// As it is.
    Whole,
    /// Content-Length of all, but the connection is closed after so many bytes.
    Cut(usize),
    /// So many bytes, then one byte a second.
    Drip(usize),
    /// So many bytes, then nothing, but the connection stays.
    Hang(usize),
}

impl Reply {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Reply { status, headers: Vec::new(), body: body.into(), manner: Manner::Whole }
    }

    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub fn manner(mut self, manner: Manner) -> Self {
        self.manner = manner;
        self
    }
}

type Rule = Box<dyn FnMut(&Seen, &Content) -> Option<Reply> + Send>;

/// What the registry has.
#[derive(Debug, Default)]
pub struct Content {
    /// By `sha256:…`.
    pub blobs: BTreeMap<String, Vec<u8>>,
    /// By `repository/reference`: media type and bytes.
    pub manifests: BTreeMap<String, (String, Vec<u8>)>,
    uploads: BTreeMap<String, Vec<u8>>,
}

#[derive(Default)]
struct State {
    content: Mutex<Content>,
    seen: Mutex<Vec<Seen>>,
    rules: Mutex<Vec<Rule>>,
}

/// See the module. Its thread ends with the process.
pub struct Fake {
    port: u16,
    state: Arc<State>,
}

/// An image that was put into a [`Fake`].
#[derive(Debug, Clone)]
pub struct Made {
    pub id: String,
    pub manifest: String,
    /// The blobs of its layers, bottom first.
    pub layers: Vec<String>,
}

impl Fake {
    pub fn start() -> Self {
        super::sandbox::stay_in_the_machines_network();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let state = Arc::new(State::default());
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = shared.clone();
                std::thread::spawn(move || serve(&stream, &state));
            }
        });
        Fake { port, state }
    }

    /// `127.0.0.1:PORT`
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// `127.0.0.1:PORT/NAME`
    pub fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.address())
    }

    /// Adds a rule: the first that has an answer gives it.
    pub fn rule(&self, rule: impl FnMut(&Seen, &Content) -> Option<Reply> + Send + 'static) {
        self.state.rules.lock().unwrap().push(Box::new(rule));
    }

    /// The requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().unwrap().clone()
    }

    /// Changes what it has.
    pub fn change<T>(&self, change: impl FnOnce(&mut Content) -> T) -> T {
        change(&mut self.state.content.lock().unwrap())
    }

    /// Puts an image as `repository:tag`, layers compressed with gzip.
    pub fn put(&self, repository: &str, tag: &str, image: &Image) -> Made {
        self.put_compressed(repository, tag, image, |tar| {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(tar).expect("memory");
            (encoder.finish().expect("memory"), "application/vnd.oci.image.layer.v1.tar+gzip")
        })
    }

    /// The same with another compression.
    pub fn put_compressed(
        &self,
        repository: &str,
        tag: &str,
        image: &Image,
        compress: impl Fn(&[u8]) -> (Vec<u8>, &'static str),
    ) -> Made {
        let config = image.config_json();
        let mut layers = Vec::new();
        let mut descriptors = Vec::new();
        for tar in image.layers() {
            let (blob, media_type) = compress(tar);
            let digest = format!("sha256:{}", sha256(&blob));
            descriptors.push(json!({"mediaType": media_type, "digest": digest, "size": blob.len()}));
            self.change(|content| content.blobs.insert(digest.clone(), blob));
            layers.push(digest);
        }
        let id = format!("sha256:{}", sha256(&config));
        let manifest = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": id, "size": config.len()},
            "layers": descriptors,
        });
        self.change(|content| content.blobs.insert(id.clone(), config));
        let manifest = self.put_manifest(repository, tag, &manifest);
        Made { id, manifest, layers }
    }

    /// Puts a manifest under a tag and under its digest, which is returned.
    pub fn put_manifest(&self, repository: &str, tag: &str, manifest: &Value) -> String {
        let media_type = manifest["mediaType"].as_str().unwrap_or("application/vnd.oci.image.manifest.v1+json");
        self.put_bytes(repository, tag, media_type, manifest.to_string().as_bytes())
    }

    /// The same with any bytes and Content-Type.
    pub fn put_bytes(&self, repository: &str, tag: &str, media_type: &str, bytes: &[u8]) -> String {
        let digest = format!("sha256:{}", sha256(bytes));
        self.change(|content| {
            for reference in [tag, &digest] {
                let value = (media_type.to_string(), bytes.to_vec());
                content.manifests.insert(format!("{repository}/{reference}"), value);
            }
        });
        digest
    }
}

fn serve(stream: &TcpStream, state: &State) {
    let _ = stream.set_nodelay(true);
    let mut reader = BufReader::new(stream.try_clone().expect("a descriptor"));
    while let Some(seen) = read_request(&mut reader) {
        let reply = {
            let mut rules = state.rules.lock().unwrap();
            let content = state.content.lock().unwrap();
            rules.iter_mut().find_map(|rule| rule(&seen, &content))
        };
        let reply = reply.unwrap_or_else(|| usual(&seen, &mut state.content.lock().unwrap()));
        let head = seen.method == "HEAD";
        state.seen.lock().unwrap().push(seen);
        if !write_reply(stream, &reply, head) {
            return;
        }
    }
}

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<Seen> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_string(), words.next()?.to_string());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_string());
    }
    let length = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Seen { method, path, headers, body })
}

fn write_reply(mut stream: &TcpStream, reply: &Reply, head: bool) -> bool {
    let mut text = format!("HTTP/1.1 {} Whatever\r\n", reply.status);
    let length = reply.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    if !length && reply.status != 204 {
        text.push_str(&format!("Content-Length: {}\r\n", reply.body.len()));
    }
    for (name, value) in &reply.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    let mut send = |bytes: &[u8]| stream.write_all(bytes).is_ok();
    if !send(text.as_bytes()) || head {
        return head;
    }
    match reply.manner {
        Manner::Whole => send(&reply.body),
        Manner::Cut(count) => {
            send(&reply.body[..count.min(reply.body.len())]);
            let _ = stream.shutdown(std::net::Shutdown::Both);
            false
        }
        Manner::Drip(count) => {
            let count = count.min(reply.body.len());
            send(&reply.body[..count])
                && reply.body[count..].iter().all(|byte| {
                    std::thread::sleep(Duration::from_secs(1));
                    stream.write_all(&[*byte]).is_ok()
                })
        }
        Manner::Hang(count) => {
            send(&reply.body[..count.min(reply.body.len())]);
            std::thread::sleep(Duration::from_secs(3600));
            false
        }
    }
}

fn error(status: u16, code: &str) -> Reply {
    let message = code.to_ascii_lowercase().replace('_', " ");
    Reply::new(status, json!({"errors": [{"code": code, "message": message}]}).to_string())
}

/// A registry that behaves.
fn usual(seen: &Seen, content: &mut Content) -> Reply {
    let (path, query) = seen.path.split_once('?').unwrap_or((&seen.path, ""));
    let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let Some(rest) = path.strip_prefix("/v2/") else { return error(404, "NOT_FOUND") };
    if rest.is_empty() {
        return Reply::new(200, "{}");
    }
    if let Some((repository, id)) = rest.split_once("/blobs/uploads/") {
        return upload(seen, content, repository, id, &value);
    }
    if let Some((_, digest)) = rest.rsplit_once("/blobs/") {
        let Some(blob) = content.blobs.get(digest) else { return error(404, "BLOB_UNKNOWN") };
        let range = seen.header("range").and_then(|text| text.strip_prefix("bytes=")?.split('-').next()?.parse().ok());
        return match range {
            Some(start) if start < blob.len() => Reply::new(206, &blob[start..])
                .header("Content-Range", format!("bytes {start}-{}/{}", blob.len() - 1, blob.len())),
            Some(_) => error(416, "RANGE"),
            None => Reply::new(200, blob.clone()),
        };
    }
    if let Some((repository, _)) = rest.split_once("/tags/list") {
        let prefix = format!("{repository}/");
        let tags: Vec<_> = content.manifests.keys().filter_map(|key| key.strip_prefix(&prefix)).collect();
        let tags: Vec<_> = tags.into_iter().filter(|tag| !tag.starts_with("sha256:")).collect();
        return Reply::new(200, json!({"name": repository, "tags": tags}).to_string());
    }
    if let Some((repository, reference)) = rest.rsplit_once("/manifests/") {
        if seen.method == "PUT" {
            let digest = format!("sha256:{}", sha256(&seen.body));
            for key in [reference, &digest] {
                let media_type = seen.header("content-type").unwrap_or_default().to_string();
                content.manifests.insert(format!("{repository}/{key}"), (media_type, seen.body.clone()));
            }
            return Reply::new(201, "").header("Docker-Content-Digest", digest).header("Location", "/v2/x");
        }
        return match content.manifests.get(&format!("{repository}/{reference}")) {
            Some((media_type, bytes)) => Reply::new(200, bytes.clone())
                .header("Content-Type", media_type)
                .header("Docker-Content-Digest", format!("sha256:{}", sha256(bytes))),
            None => error(404, "MANIFEST_UNKNOWN"),
        };
    }
    error(404, "NAME_UNKNOWN")
}

fn upload<'q>(
    seen: &Seen,
    content: &mut Content,
    repository: &str,
    id: &str,
    value: &dyn Fn(&str) -> Option<&'q str>,
) -> Reply {
    let place = |id: &str| format!("/v2/{repository}/blobs/uploads/{id}");
    match seen.method.as_str() {
        "POST" => {
            if value("mount").is_some_and(|digest| content.blobs.contains_key(digest)) {
                return Reply::new(201, "").header("Location", "/v2/x");
            }
            let id = format!("u{}", content.uploads.len());
            content.uploads.insert(id.clone(), Vec::new());
            Reply::new(202, "").header("Location", place(&id)).header("Range", "0-0")
        }
        "GET" => match content.uploads.get(id) {
            Some(bytes) => Reply::new(204, "")
                .header("Location", place(id))
                .header("Range", format!("0-{}", bytes.len().saturating_sub(1))),
            None => error(404, "BLOB_UPLOAD_UNKNOWN"),
        },
        "PATCH" | "PUT" => {
            let Some(bytes) = content.uploads.get_mut(id) else { return error(404, "BLOB_UPLOAD_UNKNOWN") };
            let start = seen.header("content-range").and_then(|range| range.split('-').next()?.parse::<usize>().ok());
            if start.is_some_and(|start| start != bytes.len()) {
                return error(416, "BLOB_UPLOAD_INVALID");
            }
            bytes.extend_from_slice(&seen.body);
            let range = format!("0-{}", bytes.len().saturating_sub(1));
            let Some(digest) = value("digest") else {
                return Reply::new(202, "").header("Location", place(id)).header("Range", range);
            };
            let bytes = content.uploads.remove(id).unwrap_or_default();
            if format!("sha256:{}", sha256(&bytes)) != digest {
                return error(400, "DIGEST_INVALID");
            }
            content.blobs.insert(digest.to_string(), bytes);
            Reply::new(201, "").header("Location", "/v2/x")
        }
        _ => Reply::new(204, ""),
    }
}
