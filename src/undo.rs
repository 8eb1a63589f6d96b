//! What to take back, in reverse, unless everything went well.

/// A list of things to undo; dropped without [`Undo::keep`] it runs them, last first.
#[derive(Default)]
pub struct Undo<'a> {
    steps: Vec<(&'static str, Step<'a>)>,
}

type Step<'a> = Box<dyn FnOnce() -> anyhow::Result<()> + 'a>;

impl<'a> Undo<'a> {
    /// Remembers how to take back what was just done; `what` is for the log ("unmounting …").
    pub fn push(&mut self, what: &'static str, step: impl FnOnce() -> anyhow::Result<()> + 'a) {
        self.steps.push((what, Box::new(step)));
    }

    /// Everything worked: forget the steps.
    pub fn keep(mut self) {
        self.steps.clear();
    }
}

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        for (what, step) in self.steps.drain(..).rev() {
            if let Err(error) = step() {
                log::warn!("{what}: {error:#}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn undoes_in_reverse_unless_kept() {
        let order = RefCell::new(Vec::new());
        let mut undo = Undo::default();
        undo.push("first", || {
            order.borrow_mut().push(1);
            Ok(())
        });
        undo.push("second", || {
            order.borrow_mut().push(2);
            anyhow::bail!("stone")
        });
        drop(undo);
        assert_eq!(*order.borrow(), [2, 1]);
        let mut undo = Undo::default();
        undo.push("never", || {
            order.borrow_mut().push(3);
            Ok(())
        });
        undo.keep();
        assert_eq!(*order.borrow(), [2, 1]);
    }
}
