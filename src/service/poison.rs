//! A row that can't be worked on hurts only itself (G18): here it is told from the others of its batch, by whoever
//! works on it. What becomes of it is that one's to say.

use super::ServiceError;
use crate::store::StoreError;
use futures::FutureExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// How often what a row needs is tried before the row is given up.
const MOST_ATTEMPTS: u32 = 5;

/// What was read, and the keys whose rows can't be, each with why.
#[derive(Debug)]
pub struct Apart<K, T> {
    pub sound: Vec<T>,
    pub broken: Vec<(K, String)>,
}

/// Reads the rows of these keys at once; if one of them can't be read, each by itself.
pub async fn read_apart<K, T, F>(keys: &[K], read: impl Fn(Vec<K>) -> F) -> Result<Apart<K, T>, StoreError>
where
    K: Copy,
    F: Future<Output = Result<Vec<T>, StoreError>>,
{
    match read(keys.to_vec()).await {
        Ok(sound) => return Ok(Apart { sound, broken: Vec::new() }),
        Err(StoreError::Corrupt { .. }) => {}
        Err(other) => return Err(other),
    }
    let mut apart = Apart { sound: Vec::new(), broken: Vec::new() };
    for key in keys {
        match read(vec![*key]).await {
            Ok(sound) => apart.sound.extend(sound),
            Err(error @ StoreError::Corrupt { .. }) => apart.broken.push((*key, error.to_string())),
            Err(other) => return Err(other),
        }
    }
    Ok(apart)
}

/// Carries items out at once; if that fails, each by itself and a few times, since somebody else may only have
/// been faster. Gives those it can't be done for, with why; a database that can't take it now is nobody's fault.
pub async fn carry_out_apart<I, F>(
    items: Vec<I>,
    carry_out: impl Fn(Vec<I>) -> F,
) -> Result<Vec<(I, String)>, ServiceError>
where
    I: Clone,
    F: Future<Output = Result<(), ServiceError>>,
{
    match carry_out(items.clone()).await {
        Ok(()) => return Ok(Vec::new()),
        Err(error @ ServiceError::Unavailable { .. }) => return Err(error),
        Err(_) => {}
    }
    let mut broken = Vec::new();
    'items: for item in items {
        let mut why = String::new();
        for attempt in 1..=MOST_ATTEMPTS {
            match carry_out(vec![item.clone()]).await {
                Ok(()) => continue 'items,
                Err(error @ ServiceError::Unavailable { .. }) => return Err(error),
                Err(error) => why = error.to_string(),
            }
            if attempt < MOST_ATTEMPTS {
                tokio::time::sleep(Duration::from_millis(10) * attempt).await;
            }
        }
        broken.push((item, why));
    }
    Ok(broken)
}

/// What a decision about one row comes to, or that it panicked.
pub fn decide_apart<T>(decide: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(decide)).map_err(|_| "deciding about it panicked".to_owned())
}

/// What working on one row comes to; a panic is an error of that row.
pub async fn work_apart<T>(work: impl Future<Output = Result<T, ServiceError>>) -> Result<T, ServiceError> {
    let worked = AssertUnwindSafe(work).catch_unwind().await;
    worked.unwrap_or_else(|_| Err(ServiceError::Internal("working on it panicked".to_owned())))
}
