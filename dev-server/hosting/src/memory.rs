//! The memory of an instance, which is bounded.
//!
//! Whatever is sent is bounded so that it fits (`http_api::LARGEST_BODY`, the most rows of an answer). Should something not
//! fit all the same, the allocator of the component ends its instance, and the request is told why.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use wasmtime::{ResourceLimiter, Result};

/// The most bytes of memory that an instance may have.
const MOST: usize = 256 << 20;

/// Whether there was not enough for a request. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Shortage(Arc<AtomicBool>);

impl Shortage {
    /// Whether there was.
    pub(crate) fn is_there(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Bounds the memory of an instance.
#[derive(Default)]
pub(crate) struct Memory {
    shortage: Shortage,
}

impl Memory {
    /// From here on it is for the request that has this.
    pub(crate) fn serve(&mut self, shortage: Shortage) {
        self.shortage = shortage;
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, _: usize, wanted: usize, most: Option<usize>) -> Result<bool> {
        let fits = wanted <= most.unwrap_or(MOST).min(MOST);
        if !fits {
            self.shortage.0.store(true, Ordering::Relaxed);
        }
        Ok(fits)
    }

    fn table_growing(&mut self, _: usize, wanted: usize, most: Option<usize>) -> Result<bool> {
        Ok(most.is_none_or(|most| wanted <= most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_learns_that_there_was_too_little() {
        let mut memory = Memory::default();
        let [first, second] = [Shortage::default(), Shortage::default()];
        memory.serve(first.clone());
        assert!(memory.memory_growing(0, MOST, None).unwrap());
        assert!(!first.is_there());
        memory.serve(second.clone());
        assert!(!memory.memory_growing(MOST, MOST + 1, None).unwrap());
        assert!(second.is_there() && !first.is_there());
    }
}
