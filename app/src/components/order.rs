//! The order of live rows: it never changes under the pointer or the focus (UX 6).

use leptos::prelude::*;

/// Rows whose order waits while somebody points at them.
#[derive(Clone, Copy, Debug)]
pub struct SteadyOrder {
    /// The order that is shown.
    pub shown: ReadSignal<Vec<String>>,
    /// How many rows stand elsewhere in the newest order.
    pub waiting: Memo<usize>,
    set_shown: WriteSignal<Vec<String>>,
    newest: Memo<Vec<String>>,
    busy: RwSignal<bool>,
}

impl SteadyOrder {
    /// Follows `newest` while nobody points at the rows.
    pub fn of(newest: Memo<Vec<String>>) -> Self {
        let (shown, set_shown) = signal(newest.get_untracked());
        let busy = RwSignal::new(false);
        let waiting = Memo::new(move |_| {
            let newest = newest.get();
            shown.with(|shown| {
                let moved = newest.iter().enumerate();
                let moved = moved.filter(|(index, name)| shown.get(*index) != Some(*name));
                moved.count().max(shown.len().saturating_sub(newest.len()))
            })
        });
        let order = Self {
            shown,
            waiting,
            set_shown,
            newest,
            busy,
        };
        Effect::new(move || {
            newest.track();
            if !busy.get() {
                order.apply();
            }
        });
        order
    }

    /// Shows the newest order now.
    pub fn apply(self) {
        let newest = self.newest.get_untracked();
        if self.shown.with_untracked(|shown| *shown != newest) {
            self.set_shown.set(newest);
        }
    }

    /// Says that somebody points at the rows, or no longer.
    pub fn hold(self, busy: bool) {
        self.busy.set(busy);
    }
}

/// Offers to apply the changes of order that wait.
#[component]
pub fn WaitingUpdates(order: SteadyOrder) -> impl IntoView {
    let count = move || order.waiting.get();
    view! {
        <Show when=move || count() != 0>
            <button type="button" class="toast" data-key="." on:click=move |_| order.apply()>
                {move || match count() {
                    1 => "1 update, press . to apply".to_owned(),
                    count => format!("{count} updates, press . to apply"),
                }}
            </button>
        </Show>
    }
}
