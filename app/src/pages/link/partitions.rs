//! The partitions of one topic, below its row.

use std::collections::BTreeMap;

use leptos::prelude::*;
use model::{format, status::State};
use serde::{Deserialize, Serialize};

use super::topics::TopicsView;
use crate::components::{badge::StateBadge, coded::coded};

/// Partitions that are shown of one topic at most.
pub const MOST: usize = 200;

/// The topic whose partitions are shown.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OpenTopic {
    pub topic: String,
    /// By partition; the worst ones of a topic that has more.
    pub rows: BTreeMap<i32, PartitionRow>,
    /// All partitions of the topic.
    pub total: u32,
    /// In what the mirror's settings are not as the link wants them, a sentence each.
    pub settings: Vec<String>,
}

/// One partition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartitionRow {
    pub slot: u32,
    pub state: State,
    pub source_start: Option<i64>,
    pub source_end: Option<i64>,
    pub position: Option<i64>,
    pub destination_end: Option<i64>,
    pub lag_records: Option<i64>,
    pub guarded: bool,
    /// What keeps it from being copied; empty where nothing does.
    pub problem: String,
}

/// The row below an open topic.
#[component]
pub fn Partitions(view: Memo<TopicsView>) -> impl IntoView {
    let numbers = Memo::new(move |_| {
        view.with(|view| {
            let open = view.open.as_ref();
            open.map(|open| open.rows.keys().copied().collect::<Vec<i32>>())
                .unwrap_or_default()
        })
    });
    let total = Memo::new(move |_| {
        view.with(|view| view.open.as_ref().map_or(0, |open| open.total as usize))
    });
    let cut = move || {
        (total.get() > numbers.with(Vec::len)).then(|| {
            let total = format::grouped(total.get() as i64);
            view! { <p class="small muted cut">{format!("The worst {MOST} of {total} partitions.")}</p> }
        })
    };
    let settings = Memo::new(move |_| {
        view.with(|view| {
            let open = view.open.as_ref();
            open.map(|open| open.settings.clone()).unwrap_or_default()
        })
    });
    view! {
        <tr class="partitions">
            <td colspan="6" class="wide">
                <div class="table-wrap" tabindex="0" role="region" aria-label="Partitions">
                    <table class="cards">
                        <caption class="unseen">"Partitions"</caption>
                        <thead>
                            <tr>
                                <th scope="col" class="num">"Partition"</th>
                                <th scope="col" class="num">"Slot"</th>
                                <th scope="col" class="num">"Source start"</th>
                                <th scope="col" class="num">"Source end"</th>
                                <th scope="col" class="num">"Position"</th>
                                <th scope="col" class="num">"Destination end"</th>
                                <th scope="col" class="num">"Lag"</th>
                                <th scope="col">"Guarded"</th>
                                <th scope="col">"State"</th>
                            </tr>
                        </thead>
                        <tbody>
                            <For each=move || numbers.get() key=|number| *number let:number>
                                <Row number view />
                            </For>
                        </tbody>
                    </table>
                </div>
                {cut}
                <For each=move || settings.get() key=String::clone let:text>
                    <p class="small cut">{coded(&text)}</p>
                </For>
            </td>
        </tr>
    }
}

#[component]
fn Row(number: i32, view: Memo<TopicsView>) -> impl IntoView {
    let row = Memo::new(move |_| {
        view.with(|view| {
            let open = view.open.as_ref();
            open.and_then(|open| open.rows.get(&number).cloned())
        })
    });
    let get = move |of: fn(&PartitionRow) -> String| {
        Memo::new(move |_| row.with(|row| row.as_ref().map(of).unwrap_or_default()))
    };
    let problem = get(|row| row.problem.clone());
    let state =
        Memo::new(move |_| row.with(|row| row.as_ref().map_or(State::Unknown, |row| row.state)));
    view! {
        <tr>
            <td class="num" data-label="Partition">{number}</td>
            <td class="num phone-hidden">{get(|row| row.slot.to_string())}</td>
            <td class="num phone-hidden">{get(|row| offset(row.source_start))}</td>
            <td class="num" data-label="Source end">{get(|row| offset(row.source_end))}</td>
            <td class="num" data-label="Position">{get(|row| offset(row.position))}</td>
            <td class="num phone-hidden">{get(|row| offset(row.destination_end))}</td>
            <td class="num" data-label="Lag">{get(|row| offset(row.lag_records))}</td>
            <td class="phone-hidden">{get(guard)}</td>
            <td class="wide">
                <StateBadge state />
                <span class="under">{move || coded(&problem.get())}</span>
            </td>
        </tr>
    }
}

fn offset(offset: Option<i64>) -> String {
    offset.map_or_else(|| format::UNKNOWN.to_owned(), format::grouped)
}

/// Whether the destination's broker itself checks every append of this partition.
fn guard(row: &PartitionRow) -> String {
    match row.guarded {
        true => "by the broker".to_owned(),
        false => "by Causeway".to_owned(),
    }
}
