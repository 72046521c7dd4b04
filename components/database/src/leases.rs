//! Agents that were lost: an agent that has sent a heartbeat and then sends none for its lease becomes `failed`.
//!
//! A heartbeat may stand there in any form that a writer stores; `julianday` reads all of them. One that is no time
//! never ends a lease. Both statements go through the index `idx_agents_leased`, which has the live agents with a
//! heartbeat and nothing else; `likely` keeps SQLite from taking the index on `status` instead.

/// How many seconds are left of the lease that ends first: 0 or less where one is over, `NULL` where there is none.
///
/// `?1` is the present, as `domain::Timestamp` has it.
pub const NEXT_LEASE_END: &str = "\
SELECT (min(julianday(heartbeat_at) + coalesce(lease_seconds, 60) / 86400.0) - julianday(?1)) * 86400.0 \
FROM agents \
WHERE heartbeat_at IS NOT NULL \
AND likely(status IN ('initializing', 'planning', 'executing', 'reviewing'))";

/// Makes each agent `failed` whose lease is over, and gives its `id` and `session_id`. However many do so at once, it
/// happens to an agent only once, and the feed shows it as any change.
///
/// `?1` is the present, as `domain::Timestamp` has it. Takes the write lock, so ask for [`NEXT_LEASE_END`] first.
pub const REAP: &str = "\
UPDATE agents \
SET status = 'failed', error_message = 'heartbeat lost', completed_at = ?1 \
WHERE heartbeat_at IS NOT NULL \
AND likely(status IN ('initializing', 'planning', 'executing', 'reviewing')) \
AND julianday(heartbeat_at) + coalesce(lease_seconds, 60) / 86400.0 <= julianday(?1) \
RETURNING id, session_id";
