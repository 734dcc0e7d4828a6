//! Stories of the last moment: what is committed after a mail was taken from the queue and built, and before
//! its hand-over begins, still stops it.

use super::scene::{Act, Handbook, at};
use super::stories;
use async_trait::async_trait;
use domain::campaign::gate::Consent;
use domain::ids::SourceId;
use kinkeeper::delivery::file::FileChannel;
use kinkeeper::delivery::message::BuiltMail;
use kinkeeper::delivery::{Channel, Connection, Outcome, SendError};
use kinkeeper::service::Book;
use kinkeeper::service::dispatch::Dispatch;
use std::sync::{Arc, Mutex, PoisonError};

/// The file channel, where something happens between "a connection is ready" and the mark `sending`.
#[derive(Clone)]
struct Interrupted {
    file: FileChannel,
    book: Arc<Book>,
    source: SourceId,
    act: Arc<Mutex<Option<Act>>>,
}

#[async_trait]
impl Channel for Interrupted {
    fn name(&self) -> &'static str {
        "file"
    }
    fn connections(&self) -> usize {
        1
    }
    async fn lease(&self) -> Result<Box<dyn Connection>, SendError> {
        Ok(Box::new(self.clone()))
    }
}

#[async_trait]
impl Connection for Interrupted {
    async fn ready(&mut self, at_most: usize) -> Result<usize, SendError> {
        let act = self.act.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(act) = act {
            act.happen(&self.book, self.source).await.expect("it happens");
        }
        Ok(at_most)
    }
    async fn deliver(&mut self, mail: &BuiltMail) -> Outcome {
        self.file.deliver(mail).await
    }
}

/// Sends what is due now, with `act` at the last moment.
async fn send_but(book: &Handbook, act: Act) {
    let act = Arc::new(Mutex::new(Some(act)));
    let channel = Interrupted {
        file: FileChannel::new(book.house.folder.path().join("mail")),
        book: book.house.app.book.clone(),
        source: book.source(),
        act: act.clone(),
    };
    let dispatch = Dispatch::new(book.house.app.book.clone(), vec![Arc::new(channel)]);
    let now = book.book().now().await.expect("a clock");
    while dispatch.work(now, 100).await.expect("sends") > 0 {}
    assert!(act.lock().expect("unharmed").is_none(), "nothing was about to be handed over");
}

stories! {
    async fn an_opt_out_between_queue_and_hand_over_stops_the_mail(book: live "2026-12-01 00:00") {
        book.people("
            ada | Asia/Shanghai | own | yes | 2026-11-20 12:00 300
            ben | Asia/Shanghai | own | yes | 2026-11-20 12:00 300
        ").await;
        book.approve("festival").await;
        book.walk_before("2026-12-25 10:00").await;
        let said = book.consent("ada", at("2026-12-25 10:00"), Consent::Refused);
        send_but(book, Act::Told(vec![said])).await;
        book.walk_to("2026-12-31 23:59").await;
        book.lived("ada", "
            festival from 2026-12-25 10:00: done 2026-12-25 10:00
              festival skipped (no_consent) 2026-12-25 10:00
        ").await;
        book.lived("ben", "
            festival from 2026-12-25 10:00: done 2026-12-25 10:00
              festival mailed 2026-12-25 10:00
        ").await;
    }

    async fn an_opt_out_between_queue_and_hand_over_gives_the_coupon_back(book: live "2026-12-01 00:00") {
        book.people("ada | Asia/Shanghai | own | yes | 2026-06-10 12:00 300").await;
        book.walk_before("2026-12-14 09:00").await;
        assert_eq!(book.coupons().await, ["0.00 of 4000.00"]);
        let said = book.consent("ada", at("2026-12-14 09:00"), Consent::Refused);
        send_but(book, Act::Told(vec![said])).await;
        book.walk_to("2026-12-31 23:59").await;
        book.lived("ada", "
            winback from 2026-12-07 00:00: exited (opt_out) 2026-12-14 09:00
              winback_d0 mailed 2026-12-07 09:00
              winback_d7 skipped (no_consent) 2026-12-14 09:00
        ").await;
        assert_eq!(book.coupons().await, ["0.00 of 4000.00"], "the coupon that was reserved is free again");
    }

    async fn a_suppression_at_the_last_moment_stops_the_mail(book: live "2026-12-01 00:00") {
        book.people("ada | Asia/Shanghai | own | yes | 2026-06-10 12:00 300").await;
        book.walk_before("2026-12-07 09:00").await;
        send_but(book, Act::Suppress("ada@example.com".to_owned())).await;
        book.walk_to("2026-12-13 23:59").await;
        book.lived("ada", "
            winback from 2026-12-07 00:00: active
              winback_d0 skipped (suppressed) 2026-12-07 09:00
        ").await;
    }

    async fn a_stop_at_the_last_moment_holds_the_mail(book: live "2026-12-01 00:00") {
        book.people("ada | Asia/Shanghai | own | yes | 2026-06-10 12:00 300").await;
        book.walk_before("2026-12-07 09:00").await;
        send_but(book, Act::StopAll).await;
        book.at("2026-12-08 12:00").resumes();
        book.walk_to("2026-12-08 11:59:59").await;
        book.lived("ada", "
            winback from 2026-12-07 00:00: active
              winback_d0 deferred (stopped) until 2026-12-10 00:00
        ").await;
        book.walk_to("2026-12-13 23:59").await;
        book.lived("ada", "
            winback from 2026-12-07 00:00: active
              winback_d0 mailed 2026-12-08 12:00
        ").await;
    }
}
