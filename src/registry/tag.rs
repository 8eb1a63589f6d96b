//! The tags of a repository.

use super::Failure;
use super::client::{Repository, join};
use super::host::Request;
use serde::Deserialize;

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    tags: Option<Vec<String>>,
}

/// A page of tags is not larger, a repository has not more pages.
const PAGE_LIMIT: u64 = 4 << 20;
const MOST_PAGES: usize = 1000;

impl Repository<'_> {
    /// All tags, page after page.
    pub fn tags(&self) -> Result<Vec<String>, Failure> {
        let mut target = format!("/v2/{}/tags/list", self.path);
        let mut tags = Vec::new();
        for _ in 0..MOST_PAGES {
            let request = Request { method: "GET", target, scopes: vec![self.scope("pull")], ..Request::default() };
            let (page, next) = self.client.patiently(|| {
                let reply = self.send(&request)?.success()?;
                let base = reply.url.parse().map_err(|_| Failure::Bad("no URL".into()))?;
                let next = reply.header("link").and_then(next_page).map(|link| join(&base, link)).transpose()?;
                Ok((reply.read(PAGE_LIMIT)?, next))
            })?;
            let page: Page =
                serde_json::from_slice(&page).map_err(|error| Failure::Bad(format!("list of tags: {error}")))?;
            tags.extend(page.tags.unwrap_or_default());
            match next {
                Some(next) => target = next,
                None => return Ok(tags),
            }
        }
        Err(Failure::Bad("the list of tags has no end".into()))
    }
}

/// RFC 8288: `</v2/x/tags/list?last=a>; rel="next"`.
pub(super) fn next_page(link: &str) -> Option<&str> {
    let (target, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
    (rest.contains("rel=\"next\"") || rest.contains("rel=next")).then_some(target)
}

#[cfg(test)]
mod tests {
    #[test]
    fn links() {
        assert_eq!(super::next_page("</v2/x?n=2>; rel=\"next\""), Some("/v2/x?n=2"));
        assert_eq!(super::next_page("</v2/x>; rel=\"prev\""), None);
    }
}
