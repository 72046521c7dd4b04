//! How much one client may hold of what all share, where clients can be told apart by their address.
//!
//! Up to half of it goes to whoever comes first; of the rest, an address gets an eighth of the whole at most. So there is
//! always something left for others, and a proxy, behind which all clients have one address, has half.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Who asks: an IPv4 address, or the network of an IPv6 address, of which a client has as many as it likes. An extension of a
/// request; one without it is not told apart from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Client(IpAddr);

impl From<IpAddr> for Client {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
            }
            address @ IpAddr::V4(_) => address,
        })
    }
}

/// What is shared, as so many pieces, and who holds how many.
pub struct Shares {
    all: usize,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    total: usize,
    by: HashMap<Client, usize>,
}

/// What a client holds until this is dropped.
pub struct Share {
    shares: Arc<Shares>,
    client: Option<Client>,
    pieces: usize,
}

impl Shares {
    /// Of so many pieces.
    #[must_use]
    pub fn of(all: usize) -> Arc<Self> {
        Arc::new(Self {
            all,
            held: Mutex::default(),
        })
    }

    /// Gives a client some; `None` where that is more than its share.
    #[must_use]
    pub fn take(self: &Arc<Self>, client: Option<Client>, pieces: usize) -> Option<Share> {
        let mut share = Share {
            shares: Arc::clone(self),
            client,
            pieces: 0,
        };
        share.grow(pieces).then_some(share)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    /// Takes some more, and gives whether that is within the client's share.
    pub fn grow(&mut self, pieces: usize) -> bool {
        let (Some(client), 1..) = (self.client, pieces) else {
            return true;
        };
        let mut held = self.shares.held();
        let own = held.by.get(&client).map_or(0, |own| *own) + pieces;
        let total = held.total + pieces;
        if total > self.shares.all / 2 && own > self.shares.all / 8 {
            return false;
        }
        held.total = total;
        held.by.insert(client, own);
        self.pieces += pieces;
        true
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let Some(client) = self.client else { return };
        let mut held = self.shares.held();
        held.total -= self.pieces;
        if let Some(own) = held.by.get_mut(&client) {
            *own -= self.pieces;
            if *own == 0 {
                held.by.remove(&client);
            }
        }
    }
}

/// Places of which each has one, bounded in all and for a client.
pub struct Places {
    all: Arc<Semaphore>,
    shares: Arc<Shares>,
}

/// One of them, until dropped.
pub struct Place {
    _permit: OwnedSemaphorePermit,
    _share: Share,
}

/// Why somebody gets no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPlace {
    /// The client holds as many as one may.
    OverShare,
    /// All are taken.
    TooMany,
}

impl Places {
    /// So many.
    #[must_use]
    pub fn of(all: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(all)),
            shares: Shares::of(all),
        }
    }

    /// Gives a client a place.
    ///
    /// # Errors
    /// [`NoPlace`] where there is none for it.
    pub fn take(&self, client: Option<Client>) -> Result<Place, NoPlace> {
        let share = self.shares.take(client, 1).ok_or(NoPlace::OverShare)?;
        let permit = Arc::clone(&self.all).try_acquire_owned();
        Ok(Place {
            _permit: permit.map_err(|_| NoPlace::TooMany)?,
            _share: share,
        })
    }
}

/// A queue for each client, so that nobody waits behind many of another.
pub(crate) struct Queues {
    places: usize,
    by: Mutex<HashMap<Client, Weak<Semaphore>>>,
}

/// A place at the front of a client's queue.
pub(crate) struct Front {
    _permit: OwnedSemaphorePermit,
}

impl Queues {
    /// With so many places at the front of each.
    pub(crate) fn of(places: usize) -> Self {
        Self {
            places,
            by: Mutex::default(),
        }
    }

    /// Waits for a place at the front of the client's queue.
    pub(crate) async fn front(&self, client: Option<Client>) -> Option<Front> {
        let queue = self.queue(client?);
        // It is never closed.
        let permit = queue.acquire_owned().await.ok()?;
        Some(Front { _permit: permit })
    }

    fn queue(&self, client: Client) -> Arc<Semaphore> {
        let mut by = self.by.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = by.get(&client).and_then(Weak::upgrade) {
            return queue;
        }
        // Those of clients that have gone.
        by.retain(|_, queue| queue.strong_count() > 0);
        let queue = Arc::new(Semaphore::new(self.places));
        by.insert(client, Arc::downgrade(&queue));
        queue
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    fn client(address: &str) -> Client {
        address.parse::<IpAddr>().unwrap().into()
    }

    fn all_of(shares: &Arc<Shares>, address: &str) -> Vec<Share> {
        std::iter::from_fn(|| shares.take(Some(client(address)), 1)).collect()
    }

    #[test]
    fn nobody_takes_all() {
        let shares = Shares::of(80);
        let first = all_of(&shares, "10.0.0.1");
        assert_eq!(first.len(), 40);
        let second = all_of(&shares, "10.0.0.2");
        assert_eq!(second.len(), 10);
        let third = all_of(&shares, "10.0.0.3");
        assert_eq!(third.len(), 10);
        // What is given back is there again.
        drop(first);
        assert_eq!(all_of(&shares, "10.0.0.2").len(), 20);
        assert_eq!(shares.held().by.len(), 2);
    }

    #[test]
    fn a_network_is_one_client() {
        assert_eq!(client("2001:db8:1:2::1"), client("2001:db8:1:2:ffff::9"));
        assert_ne!(client("2001:db8:1:2::1"), client("2001:db8:1:3::1"));
        assert_eq!(client("::ffff:10.0.0.1"), client("10.0.0.1"));
        assert_ne!(client("10.0.0.1"), client("10.0.0.2"));
    }

    #[test]
    fn who_is_not_told_apart_has_no_share() {
        let shares = Shares::of(2);
        let all: Vec<Share> = (0..9).filter_map(|_| shares.take(None, 1)).collect();
        assert_eq!(all.len(), 9);
    }

    #[test]
    fn a_place_is_given_back() {
        let places = Places::of(1);
        let first = places.take(None).ok();
        assert!(first.is_some());
        assert_eq!(places.take(None).err(), Some(NoPlace::TooMany));
        drop(first);
        assert!(places.take(None).is_ok());
        let refused = places.take(Some(client("10.0.0.1"))).err();
        assert_eq!(refused, Some(NoPlace::OverShare));
    }

    #[tokio::test]
    async fn nobody_waits_behind_another_client() {
        let queues = Queues::of(1);
        let first = queues.front(Some(client("10.0.0.1"))).await;
        assert!(queues.front(Some(client("10.0.0.2"))).await.is_some());
        let mut second = pin!(queues.front(Some(client("10.0.0.1"))));
        let mut context = Context::from_waker(Waker::noop());
        assert!(second.as_mut().poll(&mut context).is_pending());
        drop(first);
        assert!(second.await.is_some());
    }
}
