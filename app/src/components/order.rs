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
    /// The pointer, and the focus, may be on different rows: one may leave while the other stays.
    pointed: RwSignal<bool>,
    focused: RwSignal<bool>,
}

impl SteadyOrder {
    /// Follows `newest` while nobody points at the rows.
    pub fn of(newest: Memo<Vec<String>>) -> Self {
        let (shown, set_shown) = signal(newest.get_untracked());
        let (pointed, focused) = (RwSignal::new(false), RwSignal::new(false));
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
            pointed,
            focused,
        };
        Effect::new(move || {
            newest.track();
            if !(pointed.get() || focused.get()) {
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
}

/// Rows in their order, which stays while the pointer or the focus is among them; and the offer to apply what waits.
#[component]
pub fn SteadyRows(order: SteadyOrder, children: Children) -> impl IntoView {
    view! {
        <div
            class="table-wrap"
            on:pointerenter=move |_| order.pointed.set(true)
            on:pointerleave=move |_| order.pointed.set(false)
            on:focusin=move |_| order.focused.set(true)
            on:focusout=move |event| order.focused.set(stays_within(&event))
        >
            {children()}
        </div>
        <WaitingUpdates order />
    }
}

/// Says whether the focus goes from one place among the rows to another.
#[cfg(feature = "hydrate")]
fn stays_within(event: &leptos::ev::FocusEvent) -> bool {
    use wasm_bindgen::JsCast;
    let rows = event
        .current_target()
        .and_then(|t| t.dyn_into::<web_sys::Node>().ok());
    let next = event
        .related_target()
        .and_then(|t| t.dyn_into::<web_sys::Node>().ok());
    rows.is_some_and(|rows| next.is_some() && rows.contains(next.as_ref()))
}

/// Never runs: a server hears no events.
#[cfg(not(feature = "hydrate"))]
fn stays_within(_event: &leptos::ev::FocusEvent) -> bool {
    false
}

/// Offers to apply the changes of order that wait.
#[component]
fn WaitingUpdates(order: SteadyOrder) -> impl IntoView {
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
