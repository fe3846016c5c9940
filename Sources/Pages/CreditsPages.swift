import Career
import FoundationEssentials
import HTTPEndpoint
import JSON
import Ledger
import PageFrame
import Promotions
import Subscriptions
import UsageReports
import Values

/// What credits there are and when they end, packs to buy, and a code to redeem.
struct CreditsPage: Page {
    let parts: PageParts
    let words: Words

    static let about = AboutPage("credits", access: .user)

    func read(_ input: inout InputReader) -> Bool {
        input.query("arriving", .text(1...1), "Whether a payment is on its way.") != nil
    }

    func view(_ isArriving: Bool, _ visit: Visit) async throws -> PageView {
        PageView(
            try await CreditsOverview(parts: parts, words: words).values(
                visit, isArriving: isArriving))
    }
}

/// What the page of credits shows, also where one of its forms was refused.
struct CreditsOverview: Sendable {
    /// Grants that are over and shown: the newest.
    private static let maximumOver: Int64 = 10

    let parts: PageParts
    let words: Words

    func values(_ visit: Visit, isArriving: Bool = false) async throws -> JSONObject {
        let now = parts.now
        let user = try visit.call.user().userID
        let catalog = try await parts.career.currentCatalog()
        let packs = PackCards(words: words).values(catalog, canBuy: true)
        let form = PageForm(words, [FormField("code", .text(autocomplete: "off"))])
        var values = form.values(visit).with([
            "has_packs": .bool(!packs.isEmpty), "packs": .array(packs),
            "is_arriving": .bool(isArriving), "grants": [], "has_frozen": false, "left": .null,
        ])
        guard let (account, _) = try await parts.career.subscription(of: user) else {
            return values
        }
        let list = try await parts.career.listCredits.perform(
            CreditPage(after: nil, limit: Self.maximumOver), visit.call)
        values["left"] = .string(
            account.available(at: now, grace: parts.site.pastDueGrace).spoken)
        let grants = list.output?.grants ?? []
        values["grants"] = .array(
            grants.map { row($0, Spoken(words: words, zone: visit.zone), now) })
        values["has_frozen"] = .bool(grants.contains(where: \.isFrozen))
        return values
    }

    private func row(
        _ grant: CreditEntryResponse, _ spoken: Spoken, _ now: Timestamp
    ) -> JSONValue {
        let isOver = grant.expiresAt.map { $0 <= now } ?? false
        let end = grant.expiresAt.map { spoken.day($0, now: now) }
        let told = end.map { isOver ? words.html("credits.ended", ["when": $0]) : $0 }
        return [
            "what_html": .string(words.html("credits.source.\(grant.source.rawValue)")),
            "frozen_html": .text(grant.isFrozen ? words.html("credits.frozen") : nil),
            "end_html": .string(told ?? words.html("credits.never")),
            "remaining": .string(grant.remaining.spoken),
            "used": .string((grant.captured + grant.held).spoken),
            "gone": .string((grant.expired + grant.takenBack).spoken),
        ]
    }
}

/// The packs that are sold, as cards.
struct PackCards: Sendable {
    let words: Words

    /// - Parameter canBuy: whether each has its button.
    func values(_ catalog: Catalog, canBuy: Bool) -> [JSONValue] {
        catalog.packs.filter(\.isActive).map { pack in
            let days = pack.validDays.map {
                words.html("packs.valid", ["days": String($0)])
            }
            return [
                "id": .string(pack.id.text), "name": .string(pack.name),
                "price": .string(pack.price.spoken),
                "valid_html": .string(days ?? words.html("packs.lasting")),
                "can_buy": .bool(canBuy),
                "label_html": .string(words.html("packs.buy", ["pack": pack.name])),
            ]
        }
    }
}

/// A form of the page of credits.
protocol CreditsForm: OverviewForm {}

extension CreditsForm {
    static var about: AboutPage { AboutPage("credits", access: .user) }
    static var place: String { "/account/credits" }

    func overview(_ visit: Visit) async throws -> JSONObject {
        try await CreditsOverview(parts: parts, words: words).values(visit)
    }
}

struct RedeemForm: CreditsForm {
    let parts: PageParts
    let words: Words

    func read(form: inout InputReader) -> RedeemCodeRequest { form.body(RedeemCodeRequest.self) }

    func submit(
        _ form: RedeemCodeRequest, _ input: Void, _ visit: Visit
    ) async throws -> Submitted {
        _ = try await parts.career.redeemCode.perform(form, visit.call)
        return Submitted("/account/credits", notice: "redeemed")
    }
}

/// Leads to the payment provider's page on which a pack is bought.
struct BuyPackButton: CreditsForm {
    let parts: PageParts
    let words: Words

    struct Form: JSONInput {
        let packID: UUID

        static let about = "The pack to buy."

        init(_ reader: inout ObjectReader) {
            packID = reader.required("pack_id", .uuid, "A pack that is sold.")
        }
    }

    func read(form: inout InputReader) -> Form { form.body(Form.self) }

    func submit(_ form: Form, _ input: Void, _ visit: Visit) async throws -> Submitted {
        let ways = parts.site.ways(from: "/account/credits")
        let reply = try await BuyPack(billing: parts.career.billing).perform(
            PackCheckoutRequest(
                packID: form.packID, successURL: ways.success, cancelURL: ways.cancel),
            visit.call)
        return try Submitted(leavingTo: reply.output?.checkoutURL)
    }
}

struct PackPaidPage: CheckoutReturn {
    let parts: PageParts
    let words: Words

    static let about = AboutPage("credits", access: .user)
    static let place = "/account/credits"
    static let notice = "pack_bought"

    func isThere(_ session: String, _ user: UUID, _ visit: Visit) async throws -> Bool {
        try await parts.career.billing.returnedWithPack(
            from: session, user: user, requestID: visit.call.id)
    }
}
