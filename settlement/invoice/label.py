"""The words on a document in the recipient's language: one row for each idea.

Adding a language is adding a column. What the law words itself stands as the law words it:
"Steuerschuldnerschaft des Leistungsempfängers" (§ 14a UStG), "Autoliquidation" (art 283 CGI),
"btw verlegd", "Gutschrift" for a self-billed invoice (§ 14 (4) no. 10 UStG).
"""

from __future__ import annotations

from typing import Final

LANGUAGES: Final = ("en", "de", "nl", "nb", "fr")
LOCALES: Final = {"en": "en_GB", "de": "de", "nl": "nl", "nb": "nb", "fr": "fr"}
ALIASES: Final = {"no": "nb", "nn": "nb"}

_ROWS: Final[dict[str, tuple[str, str, str, str, str]]] = {
    # titles
    "380": ("Invoice", "Rechnung", "Factuur", "Faktura", "Facture"),
    "381": ("Credit note", "Rechnungskorrektur", "Creditfactuur", "Kreditnota", "Avoir"),
    "389": (
        "Self-billed invoice",
        "Gutschrift",
        "Factuur, uitgereikt door afnemer",
        "Faktura utstedt av kjøper",
        "Autofacturation",
    ),
    "261": (
        "Self-billed credit note",
        "Korrektur einer Gutschrift",
        "Creditfactuur, uitgereikt door afnemer",
        "Kreditnota utstedt av kjøper",
        "Avoir d'autofacturation",
    ),
    "receipt": ("Charging receipt", "Ladebeleg", "Laadbon", "Ladekvittering", "Reçu de recharge"),
    # parties and facts
    "seller": ("Supplier", "Leistender", "Leverancier", "Selger", "Fournisseur"),
    "buyer": ("Customer", "Leistungsempfänger", "Afnemer", "Kjøper", "Client"),
    "driver": (
        "Private customer",
        "Privatkunde",
        "Particuliere klant",
        "Privatkunde",
        "Client particulier",
    ),
    "number": ("Number", "Nummer", "Nummer", "Nummer", "Numéro"),
    "issued": ("Date", "Datum", "Datum", "Dato", "Date"),
    "supplied": (
        "Date of supply",
        "Leistungsdatum",
        "Leverdatum",
        "Leveringsdato",
        "Date de livraison",
    ),
    "tax_point": (
        "Tax point",
        "Steuerdatum",
        "Belastbaar feit",
        "Avgiftstidspunkt",
        "Fait générateur",
    ),
    "period": ("Period", "Zeitraum", "Periode", "Periode", "Période"),
    "reference": (
        "Your reference",
        "Ihr Zeichen",
        "Uw kenmerk",
        "Deres referanse",
        "Votre référence",
    ),
    "contract": ("Contract", "Vertrag", "Contract", "Avtale", "Contrat"),
    "corrects": ("Corrects", "Korrigiert", "Corrigeert", "Korrigerer", "Rectifie"),
    "of_date": ("of", "vom", "van", "av", "du"),
    "vat_id": ("VAT no.", "USt-IdNr.", "Btw-nr.", "MVA-nr.", "N° TVA"),
    "legal_id": ("Reg. no.", "Register-Nr.", "KvK / reg.nr.", "Org.nr.", "N° d'immatr."),
    # session
    "session": ("Charging session", "Ladevorgang", "Laadsessie", "Ladeøkt", "Session de recharge"),
    "energy_total": ("Energy", "Energie", "Energie", "Energi", "Énergie"),
    "duration": ("Duration", "Dauer", "Duur", "Varighet", "Durée"),
    "started": ("Start", "Beginn", "Start", "Start", "Début"),
    "ended": ("End", "Ende", "Einde", "Slutt", "Fin"),
    "place": ("Place", "Ort", "Locatie", "Sted", "Lieu"),
    "evse": ("Charge point", "Ladepunkt", "Laadpunt", "Ladepunkt", "Point de charge"),
    "session_id": ("Session", "Vorgang", "Sessie", "Økt", "Session"),
    "cdr_id": ("Charge record", "Ladedatensatz", "Laadrecord", "Ladepost", "Relevé de charge"),
    "tariff": ("Tariff", "Tarif", "Tarief", "Takst", "Tarif"),
    # lines
    "description": ("Description", "Bezeichnung", "Omschrijving", "Beskrivelse", "Désignation"),
    "quantity": ("Quantity", "Menge", "Aantal", "Antall", "Quantité"),
    "price": ("Unit price", "Einzelpreis", "Prijs", "Enhetspris", "Prix unitaire"),
    "vat": ("VAT", "USt.", "Btw", "MVA", "TVA"),
    "amount": ("Net amount", "Netto", "Netto", "Netto", "Montant HT"),
    "KWH": ("kWh", "kWh", "kWh", "kWh", "kWh"),
    "HUR": ("h", "h", "u", "t", "h"),
    # names of lines
    "energy": ("Energy", "Energie", "Energie", "Energi", "Énergie"),
    "time": ("Charging time", "Ladezeit", "Laadtijd", "Ladetid", "Temps de charge"),
    "parking": (
        "Parking time",
        "Standzeit",
        "Parkeertijd",
        "Parkeringstid",
        "Temps de stationnement",
    ),
    "fixed": ("Start fee", "Startgebühr", "Starttarief", "Startgebyr", "Frais de démarrage"),
    "reservation": ("Reservation", "Reservierung", "Reservering", "Reservasjon", "Réservation"),
    "limit": (
        "Price limit of the tariff",
        "Preisgrenze des Tarifs",
        "Prijsgrens van het tarief",
        "Takstens prisgrense",
        "Limite du tarif",
    ),
    "commission": (
        "Commission on a charging session",
        "Provision auf einen Ladevorgang",
        "Commissie over een laadsessie",
        "Provisjon av en ladeøkt",
        "Commission sur une session de recharge",
    ),
    "referral": (
        "Revenue share of a charging session",
        "Erlösanteil an einem Ladevorgang",
        "Omzetaandeel in een laadsessie",
        "Inntektsandel av en ladeøkt",
        "Part de revenu d'une session de recharge",
    ),
    # sums
    "net": ("Total excl. VAT", "Summe netto", "Totaal excl. btw", "Sum uten MVA", "Total HT"),
    "vat_on": (
        "{vat} {rate} on {basis}",
        "{vat} {rate} auf {basis}",
        "{vat} {rate} over {basis}",
        "{vat} {rate} av {basis}",
        "{vat} {rate} sur {basis}",
    ),
    "gross": ("Total", "Gesamtbetrag", "Totaal", "Totalt", "Total TTC"),
    "paid": (
        "Already settled",
        "Bereits beglichen",
        "Reeds voldaan",
        "Allerede gjort opp",
        "Déjà réglé",
    ),
    "due": ("Amount due", "Zahlbetrag", "Te betalen", "Å betale", "Reste à payer"),
    "vat_accounting": (
        "{vat} in {currency}",
        "{vat} in {currency}",
        "{vat} in {currency}",
        "{vat} i {currency}",
        "{vat} en {currency}",
    ),
    "VATEX-EU-AE": (
        "Reverse charge: the customer accounts for the VAT.",
        "Steuerschuldnerschaft des Leistungsempfängers (Reverse Charge).",
        "Btw verlegd naar de afnemer (reverse charge).",
        "Omvendt avgiftsplikt: kjøperen beregner avgiften (reverse charge).",
        "Autoliquidation : TVA due par le preneur.",
    ),
    "VATEX-EU-O": (
        "Not subject to VAT.",
        "Nicht steuerbar.",
        "Niet onderworpen aan btw.",
        "Utenfor merverdiavgiftsområdet.",
        "Non soumis à la TVA.",
    ),
    # payment
    "payment": ("Payment", "Zahlung", "Betaling", "Betaling", "Paiement"),
    "due_on": ("Due", "Fällig", "Vervaldatum", "Forfall", "Échéance"),
    "iban": ("Account", "Konto", "Rekening", "Konto", "Compte"),
    "remittance": (
        "Payment reference",
        "Verwendungszweck",
        "Betalingskenmerk",
        "Betalingsreferanse",
        "Référence de paiement",
    ),
    "paid_electronically": (
        "Paid electronically.",
        "Elektronisch bezahlt.",
        "Elektronisch betaald.",
        "Betalt elektronisk.",
        "Payé par voie électronique.",
    ),
    "netted": (
        "Netted against your payouts; nothing to pay.",
        "Mit Ihren Auszahlungen verrechnet; keine Zahlung nötig.",
        "Verrekend met uw uitbetalingen; u hoeft niets te betalen.",
        "Motregnet i dine utbetalinger; ingenting å betale.",
        "Compensé avec vos versements ; rien à payer.",
    ),
    "next_payout": (
        "Paid with your next payout.",
        "Wird mit der nächsten Auszahlung gezahlt.",
        "Wordt met uw volgende uitbetaling betaald.",
        "Betales med neste utbetaling.",
        "Payé avec votre prochain versement.",
    ),
    "on_behalf": (
        "Issued by {issuer} in the name and on behalf of {seller}.",
        "Ausgestellt von {issuer} im Namen und für Rechnung von {seller}.",
        "Uitgereikt door {issuer} in naam en voor rekening van {seller}.",
        "Utstedt av {issuer} i navn av og for regning av {seller}.",
        "Émise par {issuer} au nom et pour le compte de {seller}.",
    ),
    "by_buyer": (
        "Issued by the customer under a self-billing agreement.",
        "Vom Leistungsempfänger aufgrund einer Gutschriftvereinbarung ausgestellt.",
        "Uitgereikt door de afnemer op grond van een self-billing-overeenkomst.",
        "Utstedt av kjøper etter avtale om egenfakturering.",
        "Émise par le client en vertu d'un mandat d'autofacturation.",
    ),
    "page": ("Page", "Seite", "Pagina", "Side", "Page"),
}


def known(language: str) -> str:
    """The nearest language we have words for: `de-AT` → `de`, `pl` → `en`."""
    short = language.lower().replace("_", "-").partition("-")[0]
    short = ALIASES.get(short, short)
    return short if short in LANGUAGES else "en"


def label(language: str, key: str) -> str:
    """The words for an idea.

    Raises:
        KeyError: the idea has no row.
    """
    text = _ROWS[key][LANGUAGES.index(known(language))]
    return text.replace("'", "\N{RIGHT SINGLE QUOTATION MARK}")


def keys() -> frozenset[str]:
    """Every idea that has a row."""
    return frozenset(_ROWS)
