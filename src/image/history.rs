//! How an image was made, from its config. Pure.

use crate::model::digest::Digest;
use crate::model::image::ImageConfig;

/// One step of an image's making, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The image that this step made, when we have it.
    pub id: Option<Digest>,
    /// RFC 3339
    pub created: Option<String>,
    /// The command.
    pub created_by: String,
    /// Who did it.
    pub author: String,
    /// The bytes of the step's layer; 0 without one.
    pub size: u64,
    /// Free words.
    pub comment: String,
    /// The step's layer.
    pub layer: Option<Digest>,
}

/// The steps of `config`, newest first. `size` knows the layers' sizes, `made` the image whose layers are exactly these.
/// An image without history gets one step per layer.
pub fn steps(
    id: &Digest,
    config: &ImageConfig,
    size: impl Fn(&Digest) -> u64,
    made: impl Fn(&[Digest]) -> Option<Digest>,
) -> Vec<Step> {
    let layers = &config.rootfs.diff_ids;
    let mut next = 0;
    let mut steps = Vec::with_capacity(config.history.len().max(layers.len()));
    let mut take = |wanted: bool| {
        let layer = layers.get(next).filter(|_| wanted).cloned();
        next += usize::from(layer.is_some());
        (layer, next)
    };
    for entry in &config.history {
        let (layer, below) = take(!entry.empty_layer);
        steps.push(Step {
            id: layer.as_ref().and_then(|_| made(&layers[..below])),
            created: entry.created.clone(),
            created_by: entry.created_by.clone().unwrap_or_default(),
            author: entry.author.clone().unwrap_or_default(),
            size: layer.as_ref().map_or(0, &size),
            comment: entry.comment.clone().unwrap_or_default(),
            layer,
        });
    }
    while let (Some(layer), below) = take(true) {
        steps.push(Step {
            id: made(&layers[..below]),
            created: config.created.clone(),
            created_by: String::new(),
            author: String::new(),
            size: size(&layer),
            comment: String::new(),
            layer: Some(layer),
        });
    }
    steps.reverse();
    if let Some(first) = steps.first_mut() {
        first.id = Some(id.clone());
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::image::History;

    #[test]
    fn layers_are_matched_with_the_steps_that_made_them() {
        let (a, b, id) = (Digest::of(b"a"), Digest::of(b"b"), Digest::of(b"image"));
        let step =
            |text: &str, empty| History { created_by: Some(text.into()), empty_layer: empty, ..History::default() };
        let mut config = ImageConfig::default();
        config.rootfs.diff_ids = vec![a.clone(), b.clone()];
        config.history = vec![step("add a", false), step("env", true), step("add b", false)];
        let sizes = |layer: &Digest| if *layer == a { 10 } else { 20 };
        let base = Digest::of(b"base");
        let found = steps(&id, &config, sizes, |below| (below.len() == 1).then(|| base.clone()));
        let seen: Vec<_> = found.iter().map(|step| (step.created_by.as_str(), step.size, step.id.clone())).collect();
        assert_eq!(seen, [("add b", 20, Some(id.clone())), ("env", 0, None), ("add a", 10, Some(base))]);
        config.history.clear();
        assert_eq!(steps(&id, &config, sizes, |_| None).len(), 2, "no history at all");
        config.history = vec![step("x", false); 5];
        assert_eq!(steps(&id, &config, sizes, |_| None).len(), 5, "more history than layers");
    }
}
