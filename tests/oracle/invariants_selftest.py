#!/usr/bin/env python3
"""Breaks each invariant once, on the schema of migration/src, and sees it reported; a healthy book reports nothing.

    invariants_selftest.py [postgres://…/empty_database]

The schema is read out of the migrations with its unique keys, foreign keys and triggers left out, so that rows can be written which the
product's own keys would refuse. With a PostgreSQL URL the same runs there too, in a schema that is dropped again.
"""
import pathlib
import re
import sqlite3
import subprocess
import sys

import invariants

ROOT = pathlib.Path(__file__).resolve().parents[2]
WEEK, HOUR = 604_800_000_000, 3_600_000_000
# One healthy book: two customers, a win-back with two mails each, a coupon, two callbacks, one tag.
HEALTHY = {
    "meta": [dict(key="go_live_at", value="1000")],
    "event": [dict(id=1, customer_id=1, source_id=1, message_id="m1", kind="Order Completed", effective=1, occurred_at=4, received_at=4),
              dict(id=2, customer_id=4, source_id=1, message_id="m2", kind="Order Completed", effective=0, occurred_at=3, received_at=8)],
    "event_key": [dict(source_id=1, message_id="m1", event_id=1), dict(source_id=1, message_id="m2", event_id=2)],
    "order_effect": [dict(id=1, shop_id=1, order_key="o1", kind="completed", ref_key="", event_id=1)],
    "campaign": [dict(id=1, key="winback", state="running", purpose="marketing")],
    "consent": [dict(id=n, customer_id=n, channel="email", purpose="marketing", state="granted", occurred_at=1) for n in (1, 2)],
    "suppression": [dict(id=1, channel="email", value_hash="other", scope="all", created_at=1)],
    "coupon_batch": [dict(id=1, key="b", face_minor=5000, budget_minor=10000, outstanding_minor=5000, maximum=2)],
    "coupon": [dict(id=1, batch_id=1, customer_id=1, source_ref="enr_1", code_hash="c1", last4="ABCD", face_minor=5000,
                    state="issued", issued_at=WEEK + 2000),
               dict(id=2, batch_id=1, customer_id=2, source_ref="enr_2", code_hash="c2", last4="EFGH", face_minor=5000,
                    state="released")],
    "enrollment": [dict(id=1, campaign_id=1, campaign_version_id=1, customer_id=1, occasion_key="after:o1", cause_at=1000,
                        step=3, state="done", ended_at=9),
                   dict(id=2, campaign_id=1, campaign_version_id=1, customer_id=2, occasion_key="after:o2", cause_at=2000,
                        step=0, state="active"),
                   dict(id=3, campaign_id=1, campaign_version_id=1, customer_id=3, occasion_key="after:o3", cause_at=2000,
                        step=0, state="exited", reason="complaint_open", ended_at=9)],
    "touchpoint": [dict(id=1, customer_id=1, enrollment_id=1, step=0, state="sent", handed_at=2000, ended_at=2000, message_id="a"),
                   dict(id=2, customer_id=1, enrollment_id=1, step=2, state="unknown", handed_at=WEEK + 2000, ended_at=WEEK + 2000,
                        coupon_batch_id=1, coupon_id=1, message_id="b"),
                   dict(id=3, customer_id=2, enrollment_id=2, step=0, state="queued", handed_at=None, ended_at=None,
                        message_id="c", contact_hash=None)],
    "contact_ledger": [dict(id=1, customer_id=1, touchpoint_id=1, local_date="2011-12-01", counted_at=2000),
                       dict(id=2, customer_id=1, touchpoint_id=2, local_date="2011-12-08", counted_at=WEEK + 2000)],
    "staff": [dict(id=1, key="sal", level="senior", capacity_held=1), dict(id=2, key="jo", level="junior", capacity_held=5)],
    "agent_load": [dict(staff_id=1, held=1), dict(staff_id=2, held=0)],
    "callback": [dict(id=1, customer_id=1, kind="t", state="assigned", required_level="senior", vip=1, staff_id=1, lease_until=5, band=1),
                 dict(id=2, customer_id=2, kind="t", state="completed", required_level="junior", vip=0, ended_at=5, band=2,
                      result="{}")],
    "callback_origin": [dict(origin_key="ticket:1", callback_id=1), dict(origin_key="ticket:2", callback_id=2)],
    "callback_log": [dict(id=1, callback_id=1, actor="x", from_state="", to_state="ready"),
                     dict(id=2, callback_id=1, actor="x", event="pull", from_state="ready", to_state="assigned"),
                     dict(id=3, callback_id=2, actor="x", from_state="", to_state="completed")],
    "tag_history": [dict(id=1, customer_id=1, key="churn_risk", from_value=None, to_value="true", since=5, as_of=5, rule_version=1),
                    dict(id=2, customer_id=4, key="churn_risk", from_value=None, to_value="true", since=5, as_of=5, rule_version=1)],
    # Customer 4's order of instant 3 came at 8, after it was decided that they were at risk since 5.
    "tag_current": [dict(customer_id=1, key="churn_risk", value="true", since=5, rule_version=1),
                    dict(customer_id=4, key="churn_risk", value="true", since=6, rule_version=1)],
}
DEFAULTS = {"touchpoint": dict(campaign_id=1, channel="email", purpose="marketing", not_before=1000, expires_at=WEEK * 9,
                               local_date="2011-12-01", contact_hash="h1"),
            "contact_ledger": dict(channel="email", purpose="marketing")}
COPY_TOUCH = ("INSERT INTO touchpoint (id, customer_id, enrollment_id, campaign_id, step, channel, purpose, state, message_id, "
              "contact_hash, handed_at, ended_at, not_before, expires_at) "
              "SELECT 9, customer_id, enrollment_id, campaign_id, step, channel, purpose, state, 'new', contact_hash, handed_at, "
              "ended_at, not_before, expires_at FROM touchpoint WHERE id = 1")
LEDGER = "INSERT INTO contact_ledger (id, customer_id, touchpoint_id, channel, purpose, local_date, counted_at) VALUES "
# file, what it must say, the damage.
DAMAGES = [
    ("g1_event_keys", "key without its event", "DELETE FROM event"),
    ("g1_event_keys", "event without its key", "DELETE FROM event_key"),
    ("g1_event_keys", "message id twice", "INSERT INTO event_key (source_id, message_id, event_id) VALUES (1, 'm1', 1)"),
    ("g1_event_keys", "effect without an effective event", "UPDATE event SET effective = 0"),
    ("g1_event_keys", "business key twice", "INSERT INTO order_effect (id, shop_id, order_key, kind, ref_key, event_id) "
     "VALUES (2, 1, 'o1', 'completed', '', 1)"),
    ("g4_one_hand_over", "enrollment step handed over twice on a channel", COPY_TOUCH),
    ("g4_one_hand_over", "occasion handed over twice to a customer", COPY_TOUCH),
    ("g4_one_hand_over", "occasion reached one contact point twice", COPY_TOUCH),
    ("g4_one_hand_over", "a fallback after a hand-over", COPY_TOUCH),
    ("g4_one_hand_over", "Message-ID twice", "UPDATE touchpoint SET message_id = 'a'"),
    ("g4_one_hand_over", "enrolled twice for one occasion", "UPDATE enrollment SET customer_id = 1, occasion_key = 'x'"),
    ("g5_every_step_ends", "done without any outcome of a step", "UPDATE enrollment SET state = 'done', ended_at = 1 WHERE id = 2"),
    ("g5_every_step_ends", "ended, but a step still waits", "UPDATE enrollment SET state = 'done', ended_at = 1 WHERE id = 2"),
    ("g5_every_step_ends", "a step was passed without an outcome", "UPDATE enrollment SET step = 3 WHERE id = 2"),
    ("g5_every_step_ends", "ended without its reason", "UPDATE enrollment SET reason = NULL WHERE id = 3"),
    ("g5_every_step_ends", "not a state of an enrollment", "UPDATE enrollment SET state = 'lost' WHERE id = 1"),
    ("g5_every_step_ends", "ended, but no instant of it", "UPDATE enrollment SET ended_at = NULL WHERE id = 1"),
    ("g5_every_step_ends", "touchpoint without its enrollment", "DELETE FROM enrollment WHERE id = 1"),
    ("g5_every_step_ends", "a finished campaign has open rows", "UPDATE campaign SET state = 'done'"),
    ("g6_no_hand_over_after_refusal", "handed over against the latest consent", "DELETE FROM consent"),
    ("g6_no_hand_over_after_refusal", "handed over against the latest consent", "INSERT INTO consent (id, customer_id, channel, "
     f"purpose, state, occurred_at) VALUES (3, 1, 'email', 'marketing', 'denied', {WEEK})"),
    ("g6_no_hand_over_after_refusal", "handed over to a suppressed contact", "UPDATE suppression SET value_hash = 'h1'"),
    ("g7_caps", "more than 1 on a local day", "UPDATE contact_ledger SET local_date = '2011-12-01'"),
    ("g7_caps", "less than 16 h apart", f"UPDATE contact_ledger SET counted_at = {2000 + 16 * HOUR - 1} WHERE id = 2"),
    ("g7_caps", "more than 2 in 7 d", LEDGER + f"(3, 1, 8, 'email', 'service', '2011-12-05', {3 * 24 * HOUR}), "
     f"(4, 1, 7, 'call', 'service', '2011-12-06', {4 * 24 * HOUR})"),
    ("g7_caps", "handed over, but not counted", "DELETE FROM contact_ledger WHERE id = 2"),
    ("g7_caps", "counted twice", "UPDATE contact_ledger SET touchpoint_id = 1"),
    ("g8_coupons", "outstanding face above the budget", "UPDATE coupon_batch SET budget_minor = 4999"),
    ("g8_coupons", "stored outstanding is not the sum", "UPDATE coupon SET state = 'revoked'"),
    ("g8_coupons", "more codes than the maximum", "UPDATE coupon_batch SET maximum = 0"),
    ("g8_coupons", "a code with two owners", "UPDATE coupon SET code_hash = 'c1'"),
    ("g8_coupons", "two coupons of one source", "UPDATE coupon SET customer_id = 1, source_ref = 'enr_1'"),
    ("g8_coupons", "two coupons of a batch for one customer", "UPDATE coupon SET customer_id = 1, state = 'issued'"),
    ("g8_coupons", "face is not the batch's", "UPDATE coupon_batch SET face_minor = 4000"),
    ("g8_coupons", "a coupon mail without its coupon", "UPDATE touchpoint SET coupon_id = NULL"),
    ("g8_coupons", "a code in another customer's mail", "UPDATE coupon SET customer_id = 2"),
    ("g8_coupons", "one code in two hand-overs", "UPDATE touchpoint SET coupon_id = 1 WHERE id = 1"),
    ("g8_coupons", "handed over, but not issued", "UPDATE coupon SET state = 'released' WHERE id = 1"),
    ("g8_coupons", "outstanding, but nobody can have it", "UPDATE coupon SET state = 'reserved' WHERE id = 2"),
    ("g8_coupons", "instants don't fit the state", "UPDATE coupon SET issued_at = NULL"),
    ("g9_callbacks", "not a state of a callback", "UPDATE callback SET state = 'lost' WHERE id = 1"),
    ("g9_callbacks", "origin without its callback", "DELETE FROM callback WHERE id = 2"),
    ("g9_callbacks", "log of a callback that is gone", "DELETE FROM callback WHERE id = 2"),
    ("g9_callbacks", "callback without an origin", "DELETE FROM callback_origin WHERE callback_id = 2"),
    ("g9_callbacks", "callback without a log", "DELETE FROM callback_log WHERE callback_id = 2"),
    ("g9_callbacks", "the log ends elsewhere", "UPDATE callback SET state = 'in_progress' WHERE id = 1"),
    ("g9_callbacks", "the log has a gap", "UPDATE callback_log SET from_state = 'scheduled' WHERE id = 2"),
    ("g9_callbacks", "left an end state", "UPDATE callback_log SET from_state = 'exhausted' WHERE id = 2"),
    ("g9_callbacks", "cancelled without actor or reason", "UPDATE callback SET state = 'cancelled' WHERE id = 2"),
    ("g9_callbacks", "ended and its instant don't agree", "UPDATE callback SET ended_at = NULL WHERE id = 2"),
    ("g9_callbacks", "completed without a result", "UPDATE callback SET result = NULL WHERE id = 2"),
    ("g9_callbacks", "two open callbacks of a kind for one customer", "UPDATE callback SET state = 'ready', customer_id = 1"),
    ("g10_one_holder", "held by nobody", "UPDATE callback SET staff_id = NULL WHERE id = 1"),
    ("g10_one_holder", "waiting, but held", "UPDATE callback SET state = 'ready' WHERE id = 1"),
    ("g10_one_holder", "held by somebody unknown", "UPDATE callback SET staff_id = 7 WHERE id = 1"),
    ("g10_one_holder", "load is not what is held", "UPDATE agent_load SET held = 0"),
    ("g10_one_holder", "more held than the agent may", "UPDATE staff SET capacity_held = 0"),
    ("g10_one_holder", "assigned while assigned", "UPDATE callback_log SET from_state = 'assigned' WHERE id = 2"),
    ("g10_one_holder", "begun while begun", "UPDATE callback_log SET event = 'start', from_state = 'in_progress', to_state = 'in_progress' WHERE id = 2"),
    ("g11_vip_level", "in band 0 and told to nobody", "UPDATE callback SET band = 0 WHERE id = 1"),
    ("g11_vip_level", "a VIP's callback asks for less than a senior", "UPDATE callback SET required_level = 'junior'"),
    ("g11_vip_level", "a VIP's callback below senior", "UPDATE callback SET last_staff_id = 2 WHERE id = 1"),
    ("g11_vip_level", "breached, but not in band 0", "UPDATE callback SET breached_at = 4 WHERE id = 1"),
    ("g12_tag_history", "current value is not the history's", "DELETE FROM tag_current"),
    ("g12_tag_history", "current value is not the history's", "UPDATE tag_current SET value = 'other'"),
    ("g12_tag_history", "current value began elsewhere than its history", "UPDATE tag_current SET since = 4"),
    ("g12_tag_history", "current value began elsewhere than its history", "UPDATE event SET received_at = 3"),
    ("g12_tag_history", "current value began elsewhere than its history", "UPDATE event SET received_at = 4, occurred_at = 3"),
    ("g12_tag_history", "current value without a history", "DELETE FROM tag_history"),
    ("g12_tag_history", "the history has a gap", "UPDATE tag_history SET from_value = 'false'"),
    ("g12_tag_history", "a step that changes nothing", "UPDATE tag_history SET from_value = 'true'"),
    ("g12_tag_history", "decided before it was true", "UPDATE tag_history SET as_of = 4"),
    ("g19_go_live", "a cause before go-live", "UPDATE meta SET value = '1001'"),
    ("g19_go_live", "enrolled before any go-live", "DELETE FROM meta"),
    ("g19_go_live", "a callback before any go-live", "DELETE FROM meta"),
    ("g19_go_live", "a hand-over before go-live", "UPDATE meta SET value = '2001'"),
    ("touchpoint_states", "not a state of a touchpoint", "UPDATE touchpoint SET state = 'lost' WHERE id = 1"),
    ("touchpoint_states", "an end without its instant", "UPDATE touchpoint SET ended_at = NULL"),
    ("touchpoint_states", "open, but ended", "UPDATE touchpoint SET ended_at = 1 WHERE id = 3"),
    ("touchpoint_states", "no reason", "UPDATE touchpoint SET state = 'skipped' WHERE id = 1"),
    ("touchpoint_states", "handed over, but when", "UPDATE touchpoint SET handed_at = NULL"),
    ("touchpoint_states", "not handed over, but with its instant", "UPDATE touchpoint SET handed_at = 1 WHERE id = 3"),
    ("touchpoint_states", "handed over to whom", "UPDATE touchpoint SET contact_hash = NULL"),
    ("touchpoint_states", "handed over outside its time", "UPDATE touchpoint SET expires_at = 2000"),
    ("at_rest_no_sending", "left sending", "UPDATE touchpoint SET state = 'sending' WHERE id = 3"),
    ("at_rest_no_lease", "left leased", "UPDATE touchpoint SET leased_until = 5 WHERE id = 3"),
]


def schema():
    """CREATE TABLE of every table in the migrations: names and types only."""
    tables = []
    for path in sorted((ROOT / "migration" / "src").glob("m*.rs")):
        for name, body in re.findall(r"CREATE TABLE (\w+) \(\n?(.*?)\)(?:;\n)", path.read_text(encoding="utf-8"), re.S):
            columns = []
            for part in re.split(r",\s*(?![^()]*\))", body.strip()):
                words = part.split()
                if words[0] == "{id}":
                    columns.append("id BIGINT")
                elif words[0] not in ("UNIQUE", "PRIMARY", "CHECK", "FOREIGN"):
                    columns.append(f"{words[0]} {words[1]}")
            tables.append(f"CREATE TABLE {name} ({', '.join(columns)})")
    return tables


def literal(value):
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)


def healthy():
    for table, rows in HEALTHY.items():
        for row in rows:
            row = {**DEFAULTS.get(table, {}), **row}
            yield f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(map(literal, row.values()))})"


def on_sqlite(damage, sql):
    db = sqlite3.connect(":memory:")
    for statement in [*schema(), *healthy(), *damage]:
        db.execute(statement)
    return db.execute(sql).fetchall()


class OnPostgres:
    """One transaction a case, never committed."""

    def __init__(self, url):
        self.url = url

    def __call__(self, damage, sql):
        before = ["BEGIN", "CREATE SCHEMA selftest", "SET LOCAL search_path TO selftest", *schema(), *healthy(), *damage]
        script = ";\n".join(before) + ";\n\\pset tuples_only on\n\\pset format csv\n" + sql + "\nROLLBACK;\n"
        done = subprocess.run(["psql", self.url, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"], input=script,
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"psql: {done.stderr.strip()}")
        return [tuple(row) for row in invariants.csv.reader(done.stdout.splitlines())]


def check(name, run):
    wrong = []
    files = {path.stem: path.read_text(encoding="utf-8") for path in invariants.files(at_rest=True)}
    for stem, sql in files.items():
        wrong += [f"{name}: {stem} reports a healthy book: {row}" for row in run([], sql)]
        promised = set(re.findall(r"^SELECT '((?:[^']|'')+)'", sql, re.M))
        tested = {what.replace("'", "''") for file, what, _ in DAMAGES if file == stem}
        wrong += [f"{stem}: nothing breaks “{what}” in this test" for what in sorted(promised - tested)]
    for stem, what, damage in DAMAGES:
        found = {row[0] for row in run([damage], files[stem])}
        if what not in found:
            wrong.append(f"{name}: {stem} doesn't see “{what}” after {damage}; it sees {sorted(found)}")
    print(f"{name}: {len(files)} invariants, {len(DAMAGES)} damages")
    return wrong


def main():
    wrong = check("SQLite", on_sqlite)
    if len(sys.argv) > 1:
        wrong += check("PostgreSQL", OnPostgres(sys.argv[1]))
    print("\n".join(wrong) or "each is seen, and a healthy book reports nothing")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
