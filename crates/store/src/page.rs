//! Pages of a list, found by the key of the last item and not by counting rows.

use crate::StoreError;

/// Most items on one page.
pub const MAX_LIMIT: u32 = 1_000;

/// Which page of a list is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageQuery {
    /// [`Page::next`] of the page before, `None` for the first page.
    pub after: Option<String>,
    /// Items on the page, kept within 1 to 1,000.
    pub limit: u32,
}

impl PageQuery {
    /// Returns the first page with up to `limit` items.
    pub fn first(limit: u32) -> Self {
        Self { after: None, limit }
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit.clamp(1, MAX_LIMIT) as usize
    }

    /// Returns how many rows to ask for: one more than shown tells whether another page follows.
    pub(crate) fn rows(&self) -> i64 {
        i64::from(self.limit.clamp(1, MAX_LIMIT)) + 1
    }

    /// Returns the key behind which a list ordered by name goes on. No name is empty.
    pub(crate) fn after_name(&self) -> &str {
        self.after.as_deref().unwrap_or("")
    }

    /// Returns the key before which a list ordered by time, newest first, goes on.
    pub(crate) fn before_moment(&self) -> Result<(i64, &str), StoreError> {
        let Some(cursor) = &self.after else {
            return Ok((i64::MAX, ""));
        };
        let (at_ms, id) = cursor.split_once('_').ok_or(StoreError::Cursor)?;
        Ok((at_ms.parse().map_err(|_| StoreError::Cursor)?, id))
    }
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Cursor of the next page, `None` on the last one.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Cuts `items`, read with [`PageQuery::rows`], to the page; `key` makes the cursor of an item.
    pub(crate) fn cut(mut items: Vec<T>, query: &PageQuery, key: impl Fn(&T) -> String) -> Self {
        let more = items.len() > query.limit();
        items.truncate(query.limit());
        let next = if more { items.last().map(key) } else { None };
        Self { items, next }
    }
}

/// Returns the cursor of an item in a list ordered by time.
pub(crate) fn moment(at_ms: i64, id: &str) -> String {
    format!("{at_ms}_{id}")
}
