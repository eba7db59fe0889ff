"""The words that mail programs write by themselves, in the languages of their users.

Owns: telling such a line: an attribution ("On Monday, Anna wrote:"), a separator, a header block's label, a phone's signature, a
notice that a company's server adds.
Does not know: what stands around the line.

English, German, French, Spanish, Italian, Portuguese, Dutch, Swedish, Danish, Norwegian, Finnish, Polish, Czech, Slovak, Hungarian,
Romanian, Croatian and Serbian, Slovenian, Turkish, Greek, Russian, Ukrainian, Bulgarian, Hebrew, Arabic, Chinese, Japanese, Korean, Vietnamese, Indonesian.
"""

# ruff: noqa: RUF001 - Russian is no misspelled Latin
from __future__ import annotations

import re

_LONGEST_ATTRIBUTION = 400  # characters

# What ends an attribution before its colon, or stands in it. The colon of Chinese is a wide one, that of French has a space.
_WROTE = re.compile(
    r"wrote|writes|schrieb|schreibt|geschrieben|a écrit|écrit|escribió|escribio|ha scritto|scritto|escreveu|schreef|geschreven"
    r"|skrev|kirjoitti|pisze|napisał\b|napisał\(a\)|napisała|napsal\b|napsala|napsal\(a\)|napísal\b|napísala|napísal\(a\)|ezt írta|írta|a scris"
    r"|napisao|napisala|je napisal|je napisao/la|napisao/la|је написао|написао|şunu yazdı|yazdı|έγραψε|написал|написала|написал\(а\)|пишет"
    r"|пише|написав|написала|написа|כתב|כתבה|מאת|كتب|كتبت|写道|寫道|书面|写|のメール|書きました|wrote|님이 작성|작성|đã viết|menulis",
    re.IGNORECASE,
)
_ENDINGS = (":", "\uff1a", "wrote", "写道", "寫道")
_TIME = re.compile(r"\d\d?[:.h]\s?\d\d|\d\d?\s?[时時시]")
_DAY = re.compile(r"\d{4}|\d\d?[./-]\s?\d\d?[./-]\s?\d\d")
_DIGIT = re.compile(r"\d")
_ADDRESS = re.compile(r"\S{1,200}@\S{1,200}")
_ADDRESS_AND_YEAR = re.compile(r"(?=.*\S@\S)(?=.*\d{4})")

_ORIGINAL = re.compile(
    r"(original (message|appointment|e-?mail)|original-nachricht|ursprüngliche (nachricht|e-?mail)|originalnachricht|message d.origine|message original"
    r"|mensaje original|messaggio originale|mensagem original|oorspronkelijk (bericht|e-?mail)\w*|originele bericht|ursprungligt meddelande"
    r"|ursprungsmeddelande|originalmeddelande|oprindelig meddelelse|opprinnelig melding|original meddelelse|alkuperäinen viesti"
    r"|wiadomość oryginalna|oryginalna wiadomość|původní (zpráva|e-?mail)|pôvodná správa|eredeti üzenet|mesaj original|mesajul original"
    r"|izvorna poruka|originalna poruka|izvirno sporočilo|orijinal (ileti|mesaj)|özgün ileti|αρχικό μήνυμα|исходное сообщение"
    r"|пересылаемое сообщение|оригінальне повідомлення|оригинално съобщение|הודעה מקורית|الرسالة الأصلية|原始邮件|邮件原件|原始信件|原始郵件|元のメッセージ"
    r"|original message|원본 메일|원본 메시지|thư gốc|pesan asli|reply message|antwort nachricht)",
    re.IGNORECASE,
)
_FORWARDED = re.compile(
    r"(forwarded message|forwarded by .*|forwarded e-?mail|weitergeleitete (nachricht|e-?mail|mail)|message transféré|message transmis|courriel transféré"
    r"|mensaje reenviado|messaggio inoltrato|mensagem encaminhada|mensagem reencaminhada|doorgestuurd bericht|vidarebefordrat meddelande"
    r"|vidarebefordrat mejl|videresendt (meddelelse|besked|melding|e-?post)|välitetty viesti|edelleenlähetetty viesti|przekazana wiadomość"
    r"|wiadomość przekazana( dalej)?|přeposlaná zpráva|předaná zpráva|preposlaná správa|továbbított üzenet|mesaj redirecționat|mesaj retransmis"
    r"|proslijeđena poruka|prosleđena poruka|posredovano sporočilo|iletilen (mesaj|ileti)|yönlendirilmiş ileti|προωθημένο μήνυμα"
    r"|пересылаемое сообщение|перенаправленное сообщение|пересланное сообщение|переслане повідомлення|препратено съобщение"
    r"|הודעה שהועברה|رسالة مُعاد توجيهها|رسالة معاد توجيهها|转发的邮件|轉寄的郵件|转发邮件信息|転送されたメッセージ|전달된 메일|전달된 메시지"
    r"|thư đã chuyển tiếp|pesan terusan|pesan yang diteruskan)",
    re.IGNORECASE,
)
_FORWARD_BEGINS = re.compile(  # Apple Mail, which draws no line
    r"(begin forwarded message|anfang der weitergeleiteten (nachricht|e-?mail)|début du message (réexpédié|transféré)"
    r"|inicio del mensaje reenviado|inizio messaggio inoltrato|início da mensagem (reencaminhada|encaminhada)|begin doorgestuurd bericht"
    r"|vidarebefordrat (brev|mejl)|start på videresendt (besked|melding)|videresendt (melding|besked)|välitetty viesti alkaa"
    r"|początek przekazywanej wiadomości|začátek přeposílané zprávy|továbbított levél kezdete|начало переадресованного сообщения"
    r"|начало переадресованного письма|iletilen ileti başlangıcı|下面是被转发的邮件|転送されたメッセージ|전달된 메시지 시작)\s?[:\uff1a]?",
    re.IGNORECASE,
)
_RULE = re.compile(r"[-_=*~\u2010-\u2015]{2,}\s*(.*?)\s*(?:[-_=*~\u2010-\u2015]{2,}.*)?")

_FROM = (
    "from|von|de|da|van|från|fra|lähettäjä|od|feladó|de la|gönderen|kimden|από|от|від|מאת|من|发件人|寄件者|差出人|보낸 사람|보낸사람|từ|dari"
    "|expéditeur|remitente|mittente|remetente|afzender|avsändare|avsender|afsender|nadawca|odesílatel|odosielateľ|expeditor|šalje|pošiljatelj"
)
_SENT = (
    "sent|gesendet|envoyé|enviado|enviado el|inviato|verzonden|skickat|sendt|lähetetty|wysłano|odesláno|odoslané|elküldve|trimis|poslano"
    "|gönderildi|gönderilme tarihi|στάλθηκε|отправлено|надіслано|изпратено|נשלח|تاريخ الإرسال|发送时间|寄件日期|送信日時|보낸 날짜|đã gửi|terkirim"
)
_DATED = "date|datum|fecha|data|dato|päivämäärä|päiväys|dátum|tarih|ημερομηνία|дата|תאריך|التاريخ|日期|日付|日時|날짜|ngày|tanggal|data wysłania"
_TO = (
    "to|an|à|para|pour|a|aan|till|til|vastaanottaja|do|komu|címzett|către|za|kime|alıcı|προς|кому|אל|إلى|收件人|宛先|받는 사람|đến|kepada"
    "|destinataire|destinatario|destinatário|mottagare|modtager|cc|kopie|kopi|copie"
)
_SUBJECT = (
    "subject|betreff|objet|asunto|oggetto|assunto|onderwerp|ämne|emne|aihe|temat|předmět|predmet|tárgy|subiect|konu|θέμα|тема|относно|נושא"
    "|الموضوع|主题|主旨|件名|제목|chủ đề|subjek"
)
_LABELS = tuple(
    (role, re.compile(rf"[\s>*|_]*({words})\s?\*?\s?[:\uff1a]\*?(?=\s|$|\S)\s*(?P<value>.*)", re.IGNORECASE))
    for role, words in (
        ("from", _FROM),
        ("sent", _SENT),
        ("dated", _DATED),
        ("subject", _SUBJECT),
        ("to", _TO),
    )
)

_FROM_A_PHONE = re.compile(
    r"(sent (from|with|via|using) (my |the |a )?\S.{0,60}|get outlook for .{1,20}|(von|aus) mein\w* .{1,40} gesendet|gesendet (mit|von|aus) .{1,60}|gesendet via .{1,40}"
    r"|diese (nachricht|e-?mail|mail) wurde (von|mit) .{1,60} (gesendet|verschickt|versendet)|envoyé (de|depuis|avec|à partir d).{1,60}|enviado (desde|con|do|de|a partir d).{1,60}|obtener outlook para .{1,20}"
    r"|inviato (da|con) .{1,60}|scarica outlook per .{1,20}|(verzonden|verstuurd) (vanaf|met|van) .{1,60}|skickat från .{1,60}|skickat med .{1,60}|sendt (fra|med) .{1,60}|lähetetty .{1,40}(sta|stä|lla|llä)"
    r"|wysłane? z .{1,60}|odesláno z .{1,60}|odoslané z .{1,60}|trimis de pe .{1,60}|poslano s .{1,60}|.{1,40}(ımdan|imden|umdan|ümden) gönderildi|στάλθηκε από .{1,60}"
    r"|отправлено (с|из) .{1,60}|надіслано з .{1,60}|נשלח מ.{1,60}|发自我的.{1,40}|從我的 .{1,40}傳送|.{1,40}から送信|나의 .{1,40}에서 보냄|được gửi từ .{1,60}|dikirim dari .{1,60}"
    r"|hol dir outlook für .{1,20}|outlook (für|for|pour|per|para|voor) .{1,20}( (herunterladen|beziehen|holen))?.{0,60}|télécharge[rz] outlook pour .{1,20}"
    r"|diese e-mail wurde von avast.{0,80}|virus-?free\. ?(www\.)?.{0,80}|virenfrei\. ?(www\.)?.{0,80}|secured with tuta.{0,60})[.!]?\s*",
    re.IGNORECASE,
)
_NOTICE = re.compile(
    r"[\W_]*((this|the (information|content)s?( contained)? (in|of) this) (e-?mail|message|communication|transmission)\b.{0,200}"
    r"(confidential|privileged|intended (only|solely)|intended recipient)|confidentiality (notice|note)\b|disclaimer\s*:|legal notice\s*:"
    r"|if you (are not|have received this).{0,120}(intended recipient|in error)|please consider the environment|think before you print"
    r"|diese (e-?mail|nachricht).{0,200}(vertraulich|rechtlich geschützt)|wenn sie nicht der richtige adressat|der inhalt dieser e-?mail ist vertraulich"
    r"|ce (message|courriel|mail).{0,200}(confidentiel|strictement réservé)|este (mensaje|correo).{0,200}confidencial|esta mensagem.{0,200}confidencia"
    r"|(questo messaggio|il presente messaggio|le informazioni contenute).{0,200}(riservat|confidenzial)|dit (bericht|e-mail).{0,200}vertrouwelijk"
    r"|ta wiadomość.{0,200}poufn|detta (meddelande|e-post).{0,200}konfidentiell|данное сообщение.{0,200}конфиденциальн)",
    re.IGNORECASE | re.DOTALL,
)
_BANNER = re.compile(
    r"[\W_]*(caution|warning|external( e-?mail| sender)?|achtung|vorsicht|attention|externe e-?mail|you don.t often get (this )?email from)\b.{0,60}"
    r"(external|outside|originat|unknown sender|extern|ausserhalb|außerhalb|expéditeur|learn why this is important|organi[sz]ation).{0,400}",
    re.IGNORECASE | re.DOTALL,
)
# Subjects of forwarded mails: Fwd, Wg (German), Tr (French), Rv (Spanish), I (Italian), Enc (Portuguese), Vs (Danish, Finnish), Vb (Swedish) ...
_FORWARD_SUBJECT = re.compile(
    r"\s*(fwd?|wg|tr|rv|i|enc|vs|vb|doorst|pd|továbbítás|i̇lt|ilt|fs|пер|πρθ|转发|轉寄|転送|전달)\s*[:\uff1a]",
    re.IGNORECASE,
)


def is_attribution(text: str) -> bool:
    """Whether these words, joined from the lines they took, say who wrote what is quoted next, and when.

    Args:
        text: The words, without the line ends between them.
    """
    stripped = text.strip("- \u2010")
    if len(stripped) > _LONGEST_ATTRIBUTION or not stripped.endswith(_ENDINGS):
        return False
    if not _DIGIT.search(_ADDRESS.sub("", stripped)):
        return False
    return bool(_WROTE.search(stripped) or _ADDRESS_AND_YEAR.match(stripped))


def is_short_attribution(line: str) -> bool:
    """Whether the line says who wrote what is quoted next, if something is; without a date it could be anybody's own words."""
    stripped = line.strip()
    return (
        len(stripped) <= _LONGEST_ATTRIBUTION
        and stripped.endswith(_ENDINGS[:2])
        and bool(_WROTE.search(stripped))
    )


def is_dated(text: str) -> bool:
    """Whether an attribution has a day and a time, or an address, as programs write them and people hardly ever."""
    return "@" in text or bool(_TIME.search(text) and _DAY.search(text))


def is_original(line: str) -> bool:
    """Whether the line separates one's own words from the mail that is answered."""
    found = _RULE.fullmatch(line.strip()[:200])
    return bool(found and found[1] and _ORIGINAL.fullmatch(found[1]))


def is_forwarded(line: str) -> bool:
    """Whether the line begins a forwarded mail."""
    stripped = line.strip()[:200]
    found = _RULE.fullmatch(stripped)
    return bool(
        (found and found[1] and _FORWARDED.fullmatch(found[1])) or _FORWARD_BEGINS.fullmatch(stripped)
    )


def label(line: str) -> tuple[str, str]:
    """Which field of a header block the line shows (from, sent, dated, to, subject; empty: none), and its value."""
    for role, pattern in _LABELS:
        if found := pattern.fullmatch(line[:_LONGEST_ATTRIBUTION]):
            return role, found["value"].strip()
    return "", ""


def is_from_a_phone(line: str) -> bool:
    """Whether a mail program on a phone, or one that advertises itself, added this line."""
    stripped = line[:1000].strip().strip("*_[]() ")
    return len(stripped) <= 400 and bool(
        _FROM_A_PHONE.fullmatch(re.sub(r"\s*[(<\[]+https?:\S+", "", stripped))
    )


def is_notice(paragraph: str) -> bool:
    """Whether a company's server added this paragraph below a mail."""
    return bool(_NOTICE.match(paragraph[:1000]))


def is_banner(paragraph: str) -> bool:
    """Whether a company's server added this paragraph above a mail."""
    return len(paragraph) <= 500 and bool(_BANNER.fullmatch(paragraph))


def is_forward_subject(subject: str) -> bool:
    """Whether a subject says that the mail is a forwarded one."""
    return bool(_FORWARD_SUBJECT.match(subject))
