//! The maintenance of several feeds: one at a time, and another one when that is gone.

use std::time::Instant;

use tokio::task::block_in_place;

use super::{number, prepare, query, start};
use crate::support::{Server, Sqld, eventually, free_folder};

/// Who keeps the database in order, nobody being the empty text.
fn holder(sqld: &Sqld) -> String {
    let mut rows = query(sqld, "SELECT holder FROM maintenance_lease", &[]);
    rows.remove(0).text("holder").unwrap()
}

/// Waits until somebody else does.
async fn other_holder(sqld: &Sqld, before: &str) -> String {
    eventually("another holder of the lease", || {
        let holder = holder(sqld);
        holder != before && !holder.is_empty()
    })
    .await;
    holder(sqld)
}

/// Sees that an agent whose lease ends is failed, once.
async fn is_reaped(sqld: &Sqld, feed: &Server, id: &str) {
    let mut client = feed.client("mode=delta").await;
    client.update().await;
    let sql = "INSERT INTO agents (id, orchestrator_agent_id, session_id, status, heartbeat_at, lease_seconds) \
        VALUES (?1, 'd', 's', 'executing', strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), 1)";
    query(sqld, sql, &[id.into()]);
    client.shows(&format!("{id}=failed")).await;
    let times = "SELECT count(*) AS number FROM agent_history WHERE status = 'failed'";
    assert_eq!(number(sqld, &format!("{times} AND agent_id = '{id}'")), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_feed_at_a_time_keeps_the_database_in_order() {
    let Some(sqld) = Sqld::start() else { return };
    let folder = free_folder();
    prepare(&sqld, folder.path());
    let first = start(&sqld, folder.path(), &["feed"]);
    let of_first = other_holder(&sqld, "").await;
    let second = start(&sqld, folder.path(), &["feed"]);
    is_reaped(&sqld, &second, "a").await;
    assert_eq!(holder(&sqld), of_first);

    let killed = Instant::now();
    first.kill();
    let of_second = other_holder(&sqld, &of_first).await;
    println!("taken over after {:?}", killed.elapsed());
    is_reaped(&sqld, &second, "b").await;

    // One that stood still for longer than its lease finds that another one has it.
    let third = start(&sqld, folder.path(), &["feed"]);
    second.stop();
    let of_third = other_holder(&sqld, &of_second).await;
    second.go_on();
    block_in_place(|| second.logged("does not keep the database in order any more"));
    is_reaped(&sqld, &second, "c").await;
    assert_eq!(holder(&sqld), of_third);

    // One that ends gives it back at once.
    third.terminate();
    assert_eq!(other_holder(&sqld, &of_third).await, of_second);
    is_reaped(&sqld, &second, "d").await;
}
