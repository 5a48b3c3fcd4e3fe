//! Which topics a table shows, in which order: what stands in the address (UX 3, lists).

use model::status::State;

use crate::pages::address;

/// States that a topic may have, worst first.
pub const STATES: [State; 11] = [
    State::NeedsDecision,
    State::Waiting,
    State::Unknown,
    State::FallingBehind,
    State::CatchingUp,
    State::Starting,
    State::SourceDeleted,
    State::Retired,
    State::Paused,
    State::Stopped,
    State::Mirroring,
];

/// What a table of topics is sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// The worst state first, then the greatest lag.
    #[default]
    Worst,
    Name,
    Lag,
    Rate,
}

impl Sort {
    fn word(self) -> &'static str {
        match self {
            Self::Worst => "",
            Self::Name => "name",
            Self::Lag => "lag",
            Self::Rate => "rate",
        }
    }

    fn of(word: &str) -> Self {
        let all = [Self::Name, Self::Lag, Self::Rate];
        let found = all.into_iter().find(|sort| sort.word() == word);
        found.unwrap_or_default()
    }
}

/// The query of a table of topics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Part of a source or mirror topic's name.
    pub filter: String,
    pub state: Option<State>,
    pub sort: Sort,
    /// Counted from 0.
    pub page: u32,
    /// Topic whose partitions are shown, empty for none.
    pub open: String,
}

impl Listing {
    /// Reads a listing; `get` returns the value of a key of the address.
    pub fn of(get: impl Fn(&str) -> Option<String>) -> Self {
        let text = |key: &str| address::short(get(key).unwrap_or_default().trim());
        let state = text("state");
        let page = text("page").parse::<u32>().unwrap_or(1);
        Self {
            filter: text("q"),
            state: STATES.into_iter().find(|known| word(*known) == state),
            sort: Sort::of(&text("sort")),
            page: page.saturating_sub(1),
            open: text("open"),
        }
    }

    /// Reads a listing from a query.
    pub fn parse(query: &str) -> Self {
        Self::of(|key| address::value(query, key))
    }

    /// Returns the query of this listing, with its `?`; nothing for the first page of everything.
    pub fn query(&self) -> String {
        let page = match self.page {
            0 => String::new(),
            page => (page + 1).to_string(),
        };
        address::query(&[
            ("q", &self.filter),
            ("state", &self.state.map(word).unwrap_or_default()),
            ("sort", self.sort.word()),
            ("page", &page),
            ("open", &self.open),
        ])
    }

    /// Returns this listing at another page.
    pub fn at(&self, page: u32) -> Self {
        Self {
            page,
            open: String::new(),
            ..self.clone()
        }
    }

    /// Returns the first page of this listing in another order.
    pub fn by(&self, sort: Sort) -> Self {
        Self { sort, ..self.at(0) }
    }

    /// Returns this listing with the partitions of `topic` shown, or hidden where they are shown.
    pub fn toggled(&self, topic: &str) -> Self {
        let open = match self.open == topic {
            true => String::new(),
            false => topic.to_owned(),
        };
        Self {
            open,
            ..self.clone()
        }
    }

    /// Says whether some topics may be left out by a filter.
    pub fn is_filtered(&self) -> bool {
        !self.filter.is_empty() || self.state.is_some()
    }
}

/// Returns the word of a state in addresses.
pub fn word(state: State) -> String {
    state.words().replace(' ', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listing_is_read_again_from_its_query() {
        let mut listings = vec![Listing::default()];
        for state in STATES {
            listings.push(Listing {
                filter: "a b&<i>é".to_owned(),
                state: Some(state),
                sort: Sort::Rate,
                page: 7,
                open: "orders.v1".to_owned(),
            });
        }
        for listing in listings {
            assert_eq!(Listing::parse(&listing.query()), listing);
        }
        assert_eq!(Listing::default().query(), "");
    }

    #[test]
    fn what_an_address_cannot_mean_is_passed_over() {
        let listing = Listing::parse("?state=rotten&sort=sideways&page=-3&open=");
        assert_eq!(listing, Listing::default());
        assert_eq!(Listing::parse("?page=0").page, 0);
        assert_eq!(Listing::parse("?page=99999999999").page, 0);
    }

    #[test]
    fn another_order_begins_at_the_first_page() {
        let listing = Listing::parse("?q=a&page=3&open=t");
        assert_eq!(listing.by(Sort::Lag).query(), "?q=a&sort=lag");
        assert_eq!(listing.toggled("t").query(), "?q=a&page=3");
        assert_eq!(listing.at(0).toggled("u").query(), "?q=a&open=u");
    }
}
