//! Figures over time: means over ten seconds, a minute, a quarter of an hour.
//!
//! A row takes about 115 bytes with its two indexes. Of a stream there are 720 rows of ten seconds (two hours), 2,880 of
//! a minute (two days) and 5,760 of a quarter (60 days): 9,360 rows, about 1.1 MB, and no more however long it runs;
//! 500 cameras take some 540 MB, a thousandth of their recordings' index and files.

use super::super::CHUNK;
use crate::db::convert::{rows, store_error};
use crate::db::entity::dashboard::metric_sample::{ActiveModel, Column, Entity, Model};
use crate::db::pools::Pools;
use crate::db::retry::patiently;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;
use vas_core::ports::RepoError;

/// What is measured; `None`: unknown, or nothing of that kind.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Figures {
    /// From cameras, in kbit/s.
    pub(crate) ingest_kbps: Option<f64>,
    /// To viewers, in kbit/s.
    pub(crate) egress_kbps: Option<f64>,
    /// Pictures a second.
    pub(crate) fps: Option<f64>,
    /// Share of packets lost.
    pub(crate) loss: Option<f64>,
    /// Who watches.
    pub(crate) viewers: Option<f64>,
    /// Of a stream the share of time that it was live; of the server the streams that are.
    pub(crate) live: Option<f64>,
    /// Of the machine, in percent.
    pub(crate) cpu: Option<f64>,
    /// Of this process, in bytes.
    pub(crate) memory: Option<f64>,
    /// Bytes that can still be recorded.
    pub(crate) disk_free: Option<f64>,
    /// Bytes recorded.
    pub(crate) recording_bytes: Option<f64>,
}

/// Figures of a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sample {
    /// The stream; nil: the server.
    pub(crate) subject: Uuid,
    /// The length of the stretch in seconds.
    pub(crate) step: i32,
    /// Unix seconds of its start: a multiple of `step`.
    pub(crate) at: i64,
    /// The means.
    pub(crate) figures: Figures,
}

/// The samples of all streams and of the server.
#[derive(Clone, Debug)]
pub(crate) struct SqlSamples {
    pools: Pools,
}

impl SqlSamples {
    pub(in crate::db) const fn new(pools: Pools) -> Self {
        Self { pools }
    }

    /// Adds samples. One that is there already stays as it is.
    pub(crate) async fn add(&self, samples: &[Sample]) -> Result<(), RepoError> {
        for chunk in samples.chunks(CHUNK) {
            let there =
                OnConflict::columns([Column::Subject, Column::Step, Column::At]).do_nothing().to_owned();
            let attempt = || {
                let query = Entity::insert_many(chunk.iter().map(row)).on_conflict(there.clone());
                query.exec_without_returning(&self.pools.write)
            };
            patiently(attempt).await.map_err(store_error)?;
        }
        Ok(())
    }

    /// The samples of one step from `start` up to `end`, Unix seconds, the oldest first.
    pub(crate) async fn range(
        &self,
        subject: Uuid,
        step: i32,
        start: i64,
        end: i64,
        limit: u64,
    ) -> Result<Vec<Sample>, RepoError> {
        let query = Entity::find()
            .filter(Column::Subject.eq(subject))
            .filter(Column::Step.eq(step))
            .filter(Column::At.gte(start))
            .filter(Column::At.lt(end))
            .order_by_asc(Column::At)
            .limit(rows(limit));
        Ok(self.pools.all(&query).await.map_err(store_error)?.iter().map(sample).collect())
    }

    /// Forgets samples of a step that began before `before`, Unix seconds.
    pub(crate) async fn forget(&self, step: i32, before: i64) -> Result<(), RepoError> {
        let query = Entity::delete_many().filter(Column::Step.eq(step)).filter(Column::At.lt(before));
        let done = patiently(|| query.clone().exec(&self.pools.write)).await;
        done.map(drop).map_err(store_error)
    }
}

fn row(sample: &Sample) -> ActiveModel {
    let figures = &sample.figures;
    ActiveModel {
        subject: Set(sample.subject),
        step: Set(sample.step),
        at: Set(sample.at),
        ingest_kbps: Set(figures.ingest_kbps),
        egress_kbps: Set(figures.egress_kbps),
        fps: Set(figures.fps),
        loss: Set(figures.loss),
        viewers: Set(figures.viewers),
        live: Set(figures.live),
        cpu: Set(figures.cpu),
        memory: Set(figures.memory),
        disk_free: Set(figures.disk_free),
        recording_bytes: Set(figures.recording_bytes),
    }
}

const fn sample(row: &Model) -> Sample {
    let figures = Figures {
        ingest_kbps: row.ingest_kbps,
        egress_kbps: row.egress_kbps,
        fps: row.fps,
        loss: row.loss,
        viewers: row.viewers,
        live: row.live,
        cpu: row.cpu,
        memory: row.memory,
        disk_free: row.disk_free,
        recording_bytes: row.recording_bytes,
    };
    Sample { subject: row.subject, step: row.step, at: row.at, figures }
}
