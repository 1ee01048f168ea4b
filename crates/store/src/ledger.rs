//! The one writer.

use std::path::Path;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;
use cloud::{Change, State, Transaction};
use tokio::sync::{oneshot, watch};
use types::{Region, Timestamp};

use crate::disk::{Disk, LogEntry, StoreError};

/// How many jobs are taken into one durable transaction at most.
const MAX_BATCH: usize = 256;

/// How long nobody must have written before the disk is put in order, each step of it.
const IDLE: Duration = Duration::from_millis(20);
/// How long to wait before trying that again after a failure.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// Who writes, for the log.
#[derive(Debug, Clone)]
pub struct Author {
    /// An access key id, or `daemun`.
    pub principal: String,
    /// The action, or what the daemon is doing.
    pub action: String,
    /// The id of the request.
    pub request_id: String,
    /// When.
    pub at: Timestamp,
}

impl Author {
    /// The daemon itself, doing `action`.
    pub fn daemon(action: &str, at: Timestamp) -> Self {
        Self { principal: "daemun".to_owned(), action: action.to_owned(), request_id: String::new(), at }
    }
}

/// Why a write came to nothing.
#[derive(Debug)]
pub enum WriteError<E> {
    /// The job itself refused; nothing was changed.
    Refused(E),
    /// The Changes could not be made durable, so they were dropped. The log has the reason.
    NotDurable,
}

type Changed = Option<(LogEntry, State)>;

/// A job on its way to the writer: works on the newest State, and is told whether that lasted.
trait Job: Send {
    fn run(&mut self, state: &State) -> Changed;
    fn finish(self: Box<Self>, durable: bool);
}

struct TypedJob<T, E, F> {
    region: Region,
    author: Author,
    work: Option<F>,
    result: Option<Result<T, E>>,
    answer: oneshot::Sender<Result<T, WriteError<E>>>,
}

impl<T: Send, E: Send, F> Job for TypedJob<T, E, F>
where
    F: FnOnce(&mut Transaction) -> Result<T, E> + Send,
{
    fn run(&mut self, state: &State) -> Changed {
        let work = self.work.take()?;
        let mut transaction = Transaction::new(state, self.region.clone());
        let result = work(&mut transaction);
        let succeeded = result.is_ok();
        self.result = Some(result);
        let (changes, after) = transaction.finish();
        (succeeded && !changes.is_empty()).then(|| (self.entry(changes), after))
    }

    fn finish(self: Box<Self>, durable: bool) {
        let answer = match self.result {
            Some(Err(refusal)) => Err(WriteError::Refused(refusal)),
            Some(Ok(value)) if durable => Ok(value),
            _ => Err(WriteError::NotDurable),
        };
        // Whoever asked may have gone away; the Changes stand all the same.
        drop(self.answer.send(answer));
    }
}

impl<T, E, F> TypedJob<T, E, F> {
    fn entry(&self, changes: Vec<Change>) -> LogEntry {
        LogEntry {
            at: self.author.at,
            principal: self.author.principal.clone(),
            action: self.author.action.clone(),
            request_id: self.author.request_id.clone(),
            region: Some(self.region.clone()),
            changes,
        }
    }
}

/// The State, kept in memory and on disk.
#[derive(Clone)]
pub struct Ledger {
    shared: Arc<Shared>,
}

struct Shared {
    state: Arc<ArcSwap<State>>,
    revision: watch::Receiver<u64>,
    disk: Arc<Mutex<Disk>>,
    jobs: Mutex<Option<mpsc::Sender<Box<dyn Job>>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// The database and the State in it. redb panics over some kinds of damage; here that is an error like any other.
fn read(path: &Path) -> Result<(Disk, State), StoreError> {
    let read = || {
        let mut disk = Disk::open(path)?;
        let state = disk.load()?;
        Ok((disk, state))
    };
    std::panic::catch_unwind(read)
        .unwrap_or_else(|_| Err(redb::Error::Corrupted("its pages contradict each other".to_owned()).into()))
}

impl Ledger {
    /// Opens the store in this file, making it if it is not there, and reads the State.
    ///
    /// # Errors
    /// [`StoreError::InUse`] if another process has it open; others if it cannot be read.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let (disk, state) = read(path)?;
        let state = Arc::new(ArcSwap::from_pointee(state));
        let disk = Arc::new(Mutex::new(disk));
        let (jobs, inbox) = mpsc::channel();
        let (notify, revision) = watch::channel(0);
        let writer = std::thread::Builder::new()
            .name("ledger".to_owned())
            .spawn({
                let (state, disk) = (Arc::clone(&state), Arc::clone(&disk));
                move || write_batches(&inbox, &state, &disk, &notify)
            })
            .map_err(|error| StoreError::from(redb::StorageError::Io(error)))?;
        let (jobs, writer) = (Mutex::new(Some(jobs)), Mutex::new(Some(writer)));
        Ok(Self { shared: Arc::new(Shared { state, revision, disk, jobs, writer }) })
    }

    /// The State as of now. Never waits.
    pub fn state(&self) -> Arc<State> {
        self.shared.state.load_full()
    }

    /// Wakes whoever watches at each new State; the value is its [`State::revision`].
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.shared.revision.clone()
    }

    /// Lets `work` change the State in `region`. When this returns `Ok`, the Changes are on disk and published.
    ///
    /// # Errors
    /// What `work` refused with, or [`WriteError::NotDurable`] where the disk failed.
    pub async fn write<T, E, F>(&self, region: Region, author: Author, work: F) -> Result<T, WriteError<E>>
    where
        T: Send + 'static,
        E: Send + 'static,
        F: FnOnce(&mut Transaction) -> Result<T, E> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job = TypedJob { region, author, work: Some(work), result: None, answer };
        let sent = match self.shared.jobs.lock() {
            Ok(jobs) => jobs.as_ref().is_some_and(|jobs| jobs.send(Box::new(job)).is_ok()),
            Err(_) => false,
        };
        if !sent {
            return Err(WriteError::NotDurable);
        }
        answered.await.unwrap_or(Err(WriteError::NotDurable))
    }

    /// The newest entries of the log that `wanted` picks, newest first, at most `limit`. Reads from disk.
    ///
    /// # Errors
    /// If the disk cannot be read.
    pub fn log(&self, limit: usize, wanted: impl Fn(&LogEntry) -> bool) -> Result<Vec<LogEntry>, StoreError> {
        lock(&self.shared.disk).log(limit, wanted)
    }

    /// Finishes what was sent and closes the store; later writes are refused.
    pub fn close(&self) {
        if let Ok(mut jobs) = self.shared.jobs.lock() {
            jobs.take();
        }
        let writer = self.shared.writer.lock().ok().and_then(|mut writer| writer.take());
        if let Some(writer) = writer
            && writer.join().is_err()
        {
            tracing::error!("the ledger's writer panicked");
        }
    }
}

fn write_batches(
    inbox: &mpsc::Receiver<Box<dyn Job>>,
    published: &ArcSwap<State>,
    disk: &Mutex<Disk>,
    notify: &watch::Sender<u64>,
) {
    while let Some(first) = next_job(inbox, disk) {
        let mut jobs = vec![first];
        jobs.extend(inbox.try_iter().take(MAX_BATCH - 1));
        let mut state = State::clone(&published.load());
        let mut entries = Vec::new();
        for job in &mut jobs {
            // A job that panics has a bug and is answered with an error; its copy of the State is dropped.
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| job.run(&state)));
            match outcome {
                Ok(Some((entry, after))) => {
                    entries.push(entry);
                    state = after;
                }
                Ok(None) => {}
                Err(_) => tracing::error!("an action panicked; its changes were dropped"),
            }
        }
        let durable = entries.is_empty() || commit(disk, &entries);
        if durable && !entries.is_empty() {
            state.revision += 1;
            let revision = state.revision;
            published.store(Arc::new(state));
            notify.send_replace(revision);
        }
        for job in jobs {
            job.finish(durable);
        }
    }
}

/// The next job; `None` when there will be no more. While there is none, the disk is put in order.
fn next_job(inbox: &mpsc::Receiver<Box<dyn Job>>, disk: &Mutex<Disk>) -> Option<Box<dyn Job>> {
    let mut pause = IDLE;
    while lock(disk).is_behind() {
        match inbox.recv_timeout(pause) {
            Ok(job) => return Some(job),
            Err(RecvTimeoutError::Timeout) => pause = if catch_up(disk) { IDLE } else { RETRY_AFTER },
            Err(RecvTimeoutError::Disconnected) if catch_up(disk) => {}
            Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
    inbox.recv().ok()
}

fn lock(disk: &Mutex<Disk>) -> MutexGuard<'_, Disk> {
    disk.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Brings the table of records a step nearer to the log; says whether that worked.
fn catch_up(disk: &Mutex<Disk>) -> bool {
    let done = lock(disk).catch_up();
    if let Err(error) = &done {
        tracing::warn!(
            error = error as &dyn std::error::Error,
            "the records on disk stay behind the log; will try again"
        );
    }
    done.is_ok()
}

fn commit(disk: &Mutex<Disk>, entries: &[LogEntry]) -> bool {
    match lock(disk).commit(entries) {
        Ok(()) => true,
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "could not make changes durable");
            false
        }
    }
}
