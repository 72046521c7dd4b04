//! The deletion of old log entries.

/// Deletes entries of `agent_logs`, and of `system_logs`, that are more than `?1` days old, at most `?2` of them in
/// one go, so that nobody waits long for the write lock. `changes()` tells how many they were.
///
/// The times are compared as text, to the second, so that the index on them serves.
pub const DELETE_OLD_LOGS: [&str; 2] = [
    "DELETE FROM agent_logs WHERE id IN (\
     SELECT id FROM agent_logs \
     WHERE replace(created_at, ' ', 'T') < strftime('%Y-%m-%dT%H:%M:%S', 'now', '-' || ?1 || ' days') \
     LIMIT ?2)",
    "DELETE FROM system_logs WHERE id IN (\
     SELECT id FROM system_logs \
     WHERE replace(created_at, ' ', 'T') < strftime('%Y-%m-%dT%H:%M:%S', 'now', '-' || ?1 || ' days') \
     LIMIT ?2)",
];
