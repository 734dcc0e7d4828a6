//! Columns side by side, a row a customer: who is in which row, what is held, and what goes when there is too much of it.

use super::run::Missing;
use super::{Bits, Cell, Column, Name, Packed};
use crate::ids::CustomerId;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Columns of customers. Rows never go: whoever is nobody any more doesn't count.
#[derive(Debug, Clone, Default)]
pub struct Columns {
    ids: Packed,
    /// Rows from here on aren't in the order of ids.
    ascending: usize,
    /// The rows of those.
    late: HashMap<i64, u32>,
    /// Who is somebody: neither erased nor another by now.
    pub(super) counts: Bits,
    held: BTreeMap<Name, Held>,
    /// Rises with each use.
    clock: u64,
}

#[derive(Debug, Clone)]
struct Held {
    column: Column,
    used: u64,
}

impl Columns {
    pub fn rows(&self) -> usize {
        self.ids.rows()
    }

    pub(super) fn ids(&self) -> &Packed {
        &self.ids
    }

    pub fn customer(&self, row: usize) -> CustomerId {
        CustomerId(self.ids.get(row))
    }

    /// The customer's row, if they have one.
    pub fn row(&self, customer: CustomerId) -> Option<usize> {
        if let Some(row) = self.late.get(&customer.0) {
            return usize::try_from(*row).ok();
        }
        let (mut low, mut high) = (0, self.ascending);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.ids.get(middle).cmp(&customer.0) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// The customer's row; who has none gets one, with nothing in it.
    pub fn row_for(&mut self, customer: CustomerId) -> usize {
        if let Some(row) = self.row(customer) {
            return row;
        }
        let row = self.rows();
        let follows = self.ascending == row && (row == 0 || self.ids.get(row - 1) < customer.0);
        if follows {
            self.ascending += 1;
        } else {
            self.late.insert(customer.0, u32::try_from(row).unwrap_or(u32::MAX));
        }
        self.ids.put(row, Some(customer.0));
        self.counts.put(row, false);
        for held in self.held.values_mut() {
            held.column.put(row, nothing(&held.column));
        }
        row
    }

    /// So many came out of order that all should be loaded anew.
    pub fn is_ragged(&self) -> bool {
        self.late.len() > 10_000 + self.rows() / 8
    }

    pub fn set_counts(&mut self, row: usize, counts: bool) {
        self.counts.put(row, counts);
    }

    /// Puts a cell into a column that is held, of a row that is there.
    pub fn set(&mut self, row: usize, name: &Name, cell: Cell<'_>) {
        if let Some(held) = self.held.get_mut(name) {
            held.column.put(row, cell);
        }
    }

    pub(super) fn column(&self, name: &Name) -> Result<&Column, Missing> {
        self.held.get(name).map(|held| &held.column).ok_or_else(|| Missing(name.clone()))
    }

    /// What stands in a row; `None` of a column that isn't held.
    pub fn cell(&self, row: usize, name: &Name) -> Option<Cell<'_>> {
        Some(self.column(name).ok()?.get(row))
    }

    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.held.keys()
    }

    pub fn holds(&self, name: &Name) -> bool {
        self.held.contains_key(name)
    }

    /// Begins a column, with nothing in it yet.
    pub fn begin(&mut self, name: Name) {
        let mut column = empty(&name);
        for row in 0..self.rows() {
            column.put(row, nothing(&column));
        }
        self.hold(name, column);
    }

    fn hold(&mut self, name: Name, column: Column) {
        self.clock += 1;
        self.held.insert(name, Held { column, used: self.clock });
    }

    /// Takes over columns that were loaded apart. Whoever isn't here yet comes in; what other columns hold of them has to be read. Of who
    /// is here already it is known more lately whether they count.
    pub fn take_over(&mut self, mut loaded: Self) {
        let mut rows = Vec::with_capacity(loaded.rows());
        for from in 0..loaded.rows() {
            let customer = loaded.customer(from);
            let row = self.row(customer).unwrap_or_else(|| {
                let row = self.row_for(customer);
                self.counts.put(row, loaded.counts.get(from));
                row
            });
            rows.push(row);
        }
        let alike = rows.len() == self.rows() && rows.iter().enumerate().all(|(from, row)| from == *row);
        for (name, held) in std::mem::take(&mut loaded.held) {
            if alike {
                self.hold(name, held.column);
                continue;
            }
            self.begin(name.clone());
            for (from, row) in rows.iter().enumerate() {
                self.set(*row, &name, held.column.get(from));
            }
        }
    }

    /// Notes that these were asked.
    pub fn use_now(&mut self, names: &BTreeSet<Name>) {
        self.clock += 1;
        for name in names {
            if let Some(held) = self.held.get_mut(name) {
                held.used = self.clock;
            }
        }
    }

    /// Gives back what lists have reserved beyond what is in them.
    pub fn shrink(&mut self) {
        self.counts.shrink();
        self.ids.shrink();
        self.held.values_mut().for_each(|held| held.column.shrink());
    }

    /// Lets go of what wasn't asked for the longest time, until all of it has `most` bytes at most.
    pub fn shrink_to(&mut self, most: usize) {
        while self.bytes() > most {
            let oldest = self.held.iter().min_by_key(|(_, held)| held.used).map(|(name, _)| name.clone());
            let Some(oldest) = oldest else { return *self = Self::default() };
            self.held.remove(&oldest);
        }
    }

    /// Memory that all of it takes, with what lists and tables have reserved.
    pub fn bytes(&self) -> usize {
        let columns: usize =
            self.held.values().map(|held| held.column.bytes() + size_of::<(Name, Held)>()).sum();
        let late = self.late.capacity() * (size_of::<(i64, u32)>() + 1) * 8 / 7;
        columns + late + self.ids.bytes() + self.counts.bytes()
    }
}

fn empty(name: &Name) -> Column {
    match name {
        Name::Number(_) | Name::TagSince(_) | Name::Ended(_) => {
            Column::Numbers(super::cells::Numbers::default())
        }
        Name::Word(_) | Name::Tag(_) => Column::Words(super::cells::Words::default()),
        Name::Flag(_) => Column::Flags(Bits::default()),
    }
}

const fn nothing(column: &Column) -> Cell<'static> {
    match column {
        Column::Numbers(_) => Cell::Number(None),
        Column::Words(_) => Cell::Word(None),
        Column::Flags(_) => Cell::Flag(false),
    }
}
