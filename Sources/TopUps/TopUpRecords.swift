import HTTPEndpoint
import Ledger
import Values

/// A pack that was bought by itself, or was tried to be.
package struct TopUpPurchaseResponse: JSONObjectOutput {
    let record: TopUpRows.Record

    package init(_ record: TopUpRows.Record) {
        self.record = record
    }

    package static let schemaName = "TopUpPurchase"
    package static let about = "A pack that was bought by itself, or was tried to be."
    package static let fields: [OutputField<TopUpPurchaseResponse>] = [
        OutputField("id", .uuid, "The purchase.") { $0.record.purchase.id },
        OutputField("pack_id", .uuid, "The pack.") { $0.record.purchase.terms.packID },
        OutputField("pack_name", .text, "Its name when it was agreed to.") {
            $0.record.purchase.terms.packName
        },
        OutputField("credits", .credits, "What it grants.") { $0.record.purchase.terms.credits },
        OutputField("price", .text, "What it costs, a decimal string.") {
            $0.record.purchase.terms.price.decimal
        },
        OutputField("currency", .text, "ISO 4217, lower case.") {
            $0.record.purchase.terms.price.currency.code
        },
        OutputField("status", .oneOf, "What became of it.") { $0.record.purchase.status },
        OutputField("invoice_id", .nullable(.text), "Stripe's name of its invoice.") {
            $0.record.purchase.invoiceID
        },
        OutputField("begun_at", .time, "When a charge asked for it.") {
            $0.record.purchase.begunAt
        },
        OutputField("tries", .integer, "How often its payment was tried.") {
            $0.record.purchase.tries
        },
        OutputField("tried_at", .time, "When it was tried last.") { $0.record.purchase.triedAt },
        OutputField("paid_at", .nullable(.time), "When it was heard that it is paid.") {
            $0.record.paidAt
        },
        OutputField("returned", .nullable(.text), "What of the money went back; null: not paid.") {
            record in
            record.record.returned.flatMap {
                Money(amount: $0, currency: record.record.purchase.terms.price.currency)?.decimal
            }
        },
    ]
}

/// What was agreed to, changed or ended, and when.
package struct TopUpChangeResponse: JSONObjectOutput {
    let entry: TopUpJournal.Entry

    package init(_ entry: TopUpJournal.Entry) {
        self.entry = entry
    }

    package static let schemaName = "AutoTopUpChange"
    package static let about = "What was agreed to, changed or ended."
    package static let fields: [OutputField<TopUpChangeResponse>] = [
        OutputField("id", .uuid, "The change.") { $0.entry.id },
        OutputField("at", .time, "When.") { $0.entry.at },
        OutputField("off_reason", .nullable(.oneOf), "Why it was off then; null: it was on.") {
            $0.entry.reason
        },
        OutputField("session_id", .nullable(.uuid), "The user's session, if it was the user.") {
            $0.entry.session
        },
        OutputField("pack_id", .uuid, "The pack.") { $0.entry.pack },
        OutputField("credits", .credits, "What it grants.") { $0.entry.credits },
        OutputField("price", .text, "What it costs, a decimal string.") {
            $0.entry.price.decimal
        },
        OutputField("currency", .text, "ISO 4217, lower case.") { $0.entry.price.currency.code },
        OutputField("below", .credits, "With less than this left it is bought.") {
            $0.entry.below
        },
        OutputField("monthly_maximum", .integer, "How often in a UTC month at most.") {
            $0.entry.monthlyMaximum
        },
    ]
}
