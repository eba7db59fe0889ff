"""The mail channel dies before, while and after an answer goes out: each mail is answered once all the same."""

from __future__ import annotations

import smtplib
import ssl
import time

import pytest

from agent.letters import composing
from agent.message import Reply
from tests.channels.test_mail import ANNA, NISSE, asked, kill, mail, set_state, start
from tests.live.house_at_work import House, wait_until
from tests.live.postoffice import PostOffice

pytestmark = [pytest.mark.servers, pytest.mark.rule("E8"), pytest.mark.rule("E60")]


def submit_as_the_channel_does(office: PostOffice, reply: Reply) -> None:
    context = ssl.create_default_context(cafile=str(office.ca_file))
    with smtplib.SMTP_SSL(office.host, office.smtp_port, context=context) as client:
        client.login(NISSE, office.account("nisse").password)
        client.sendmail(NISSE, [reply.recipient, NISSE], composing.compose(reply, sender=NISSE, name="nisse"))


def test_an_answer_that_went_out_before_a_crash_is_found_and_not_sent_again(
    house: House, office: PostOffice
) -> None:
    process = start(house)
    asked(house, office)
    kill(process)
    reply = house.answer("Monday.")
    submit_as_the_channel_does(office, reply)  # and the power fails before it is reported
    set_state(house, "sending")
    office.wait_for(ANNA, 1)
    office.wait_for(NISSE, 2)  # the question, and the receipt
    start(house, "second.log")
    wait_until(lambda: house.state(reply) == "sent")
    time.sleep(3)
    assert len(office.mailbox(ANNA)) == 1
    assert "reply.found" in house.log("second.log")


def test_an_answer_that_never_went_out_before_a_crash_is_sent_once(house: House, office: PostOffice) -> None:
    process = start(house)
    asked(house, office)
    kill(process)
    reply = house.answer("Monday.")
    set_state(house, "sending")
    began = time.monotonic()
    start(house, "second.log")
    wait_until(lambda: house.state(reply) == "sent")
    assert time.monotonic() - began > 2, "a receipt under way must be given its time"
    assert len(office.wait_for(ANNA, 1)) == 1
    time.sleep(2)
    assert len(office.mailbox(ANNA)) == 1


def test_a_channel_killed_at_any_moment_answers_each_mail_once(house: House, office: PostOffice) -> None:
    house.environment["NISSE_MAIL_GRACE"] = "10"  # a receipt that is later counts as none
    process = start(house)
    for number in range(6):
        office.send(mail(number, text=f"question {number}"), ANNA)
        time.sleep(0.05 * number)
        kill(process)
        process = house.start("mail", log=f"{number}.log")
        if house.messages():
            house.answer("answer")
    wait_until(lambda: len(house.messages()) + len(house.messages("answered")) == 6, 60)
    while house.messages():
        house.answer("answer")
    wait_until(lambda: house.room.outbox.counts() == {"sent": 6}, 120)
    ids = [answer["Message-ID"] for answer in office.wait_for(ANNA, 6)]
    assert len(ids) == len(set(ids)) == 6
