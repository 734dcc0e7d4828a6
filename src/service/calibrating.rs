//! Thresholds of an ordered tag from shares of active buyers: what is proposed, and what it would come to. Publishes nothing.

use super::{Book, ServiceError, rules, tags};
use crate::store::{Db, calibration, profiles, rules as published};
use domain::problem::Problem;
use domain::rule::Field;
use domain::tag::calibrate::{self, Wanted};
use domain::tag::{Catalogue, Level, Shape};
use domain::time::Instant;
use serde::Serialize;
use serde_json::Value;

/// Proposed thresholds, and the tag's document with them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proposal {
    pub tag: String,
    /// What the levels compare.
    pub field: &'static str,
    pub at: Instant,
    /// Consumers with a counted order in 365 d: what shares are of.
    pub active_buyers: i64,
    /// Customers whose profile may be behind.
    pub behind: i64,
    /// Lowest first.
    pub levels: Vec<Step>,
    /// Ready to be published.
    pub document: Value,
}

/// One level. Each count is of those with this level or a higher.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    pub level: String,
    /// Asked for, such as `1%`; none where the threshold stays.
    pub share: Option<String>,
    /// The present threshold as its rule writes it.
    pub now: String,
    /// The proposed one.
    pub proposed: String,
    /// Active buyers with so much or more.
    pub buyers: i64,
    /// Consumers with so much or more, active or not.
    pub customers: i64,
    /// Customers who have it today, held and by hand ones too.
    pub today: i64,
}

/// Proposes for each `level=share%` the threshold by which so large a share of active buyers has this level or a higher.
pub async fn propose(book: &Book, key: &str, shares: &[String]) -> Result<Proposal, ServiceError> {
    let (db, at) = (book.store.reader(), book.now().await?);
    let catalogue = rules::catalogue(book).await?;
    let tag = tags::named(&catalogue, key)?;
    let field = calibrate::field(tag).map_err(|problem| ServiceError::Invalid(vec![problem]))?;
    if !calibration::FIELDS.contains(&field) {
        let known: Vec<&str> = calibration::FIELDS.iter().map(|field| field.key()).collect();
        let detail = format!("{} can't be cut by shares; {} can", field.key(), known.join(", "));
        return Err(ServiceError::invalid(key, "not_calibrated", detail));
    }
    let wanted = calibrate::wanted(tag, shares).map_err(ServiceError::Invalid)?;
    let active_buyers = calibration::buyers(db).await?;
    if active_buyers == 0 {
        let detail = "nobody has a counted order in 365 d, so there is nothing to cut; import orders, or let \
                      `kinkeeper drain` do what is due";
        return Err(ServiceError::Conflict(detail.to_owned()));
    }
    let Shape::Levels { levels, .. } = &tag.shape else {
        return Err(ServiceError::Internal(format!("{key} lost its levels")));
    };
    let cut = Cut { field, levels, catalogue: &catalogue, active_buyers };
    let least = cut.thresholds(db, &wanted).await?;
    let document = published::newest(db).await?.into_iter().find(|rule| rule.key == key);
    let document = document.ok_or_else(|| ServiceError::NotFound(format!("the document of {key}")))?.document;
    let new =
        |wanted: &Wanted| (wanted.level, calibrate::rule(field, least[wanted.level], catalogue.currency()));
    let changed: Vec<_> = wanted.iter().map(new).collect();
    Ok(Proposal {
        tag: key.to_owned(),
        field: field.key(),
        at,
        active_buyers,
        behind: profiles::count_due(db, at).await?,
        levels: cut.steps(db, key, &wanted, &least).await?,
        document: calibrate::with_rules(&document, &changed),
    })
}

struct Cut<'a> {
    field: Field,
    levels: &'a [Level],
    catalogue: &'a Catalogue,
    active_buyers: i64,
}

impl Cut<'_> {
    /// The least stored value of each level, the wanted ones cut; they must rise with the levels.
    async fn thresholds(&self, db: &Db, wanted: &[Wanted]) -> Result<Vec<i64>, ServiceError> {
        let currency = self.catalogue.currency();
        let stays = |level| calibrate::least(level, currency).unwrap_or(i64::MIN);
        let mut least: Vec<i64> = self.levels.iter().map(stays).collect();
        let mut problems = Vec::new();
        for Wanted { level, share } in wanted {
            let rank = calibrate::how_many(*share, self.active_buyers);
            let cut = calibration::cut_off(db, self.field, rank).await?.unwrap_or(0);
            least[*level] = calibrate::round_up(cut);
            if cut <= 0 {
                let name = &self.levels[*level].value;
                let detail = format!(
                    "{name}: so many active buyers have no {} above 0; ask for a smaller share",
                    self.field.key()
                );
                problems.push(Problem::new("--share", "too_large", detail));
            }
        }
        for (i, pair) in least.windows(2).enumerate().filter(|(_, pair)| pair[0] >= pair[1]) {
            let (lower, higher) = (&self.levels[i].value, &self.levels[i + 1].value);
            let (below, above) = (self.written(pair[0]), self.written(pair[1]));
            let detail = format!(
                "{lower} would begin at {below} and {higher}, which is above it, at {above}; give shares that lie \
                 further apart, or one for both"
            );
            problems.push(Problem::new("--share", "not_rising", detail));
        }
        if problems.is_empty() { Ok(least) } else { Err(ServiceError::Invalid(problems)) }
    }

    fn written(&self, stored: i64) -> String {
        self.field.kind().write(calibrate::bound(self.field, stored, self.catalogue.currency()))
    }

    async fn steps(
        &self,
        db: &Db,
        key: &str,
        wanted: &[Wanted],
        least: &[i64],
    ) -> Result<Vec<Step>, ServiceError> {
        let has = profiles::tag_counts(db).await?.remove(key).unwrap_or_default();
        let mut steps = Vec::with_capacity(least.len());
        for (i, (level, least)) in self.levels.iter().zip(least).enumerate() {
            let (buyers, customers) = calibration::count_from(db, self.field, *least).await?;
            let asked = wanted.iter().find(|wanted| wanted.level == i);
            let present = calibrate::threshold(level).map_or(0, |(_, bound)| bound);
            let now = self.field.kind().write(present);
            steps.push(Step {
                level: level.value.to_string(),
                share: asked.map(|asked| domain::rule::FieldKind::Share.write(asked.share)),
                proposed: if asked.is_some() { self.written(*least) } else { now.clone() },
                now,
                buyers,
                customers,
                today: self.levels[i..].iter().filter_map(|level| has.get(&*level.value)).sum(),
            });
        }
        Ok(steps)
    }
}
