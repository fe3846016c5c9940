import Ledger
import Values

/// What a mail says: which one it is, and the values for its words, which are in MailTexts.swift.
/// Days are of UTC.
package struct MailContent: Sendable {
    package enum Kind: String, Sendable, CaseIterable {
        case signUpCode, alreadyRegistered, passwordReset, passwordChanged
        case planActivated, planUpgraded, planCanceled, planEnded, planScheduled, planRenews
        case planLowered
        case yearBegins
        case paymentReturned
        case paymentReturnedInPart
        case paymentFailed, paymentNeedsAction, seatsNotPaid, trialEnds
        case creditsNearlyUsedUp, creditsUsedUp, spendingLimit
        case packBought, packReturned
        case workspaceInvitation, workspaceJoined, workspaceLeft, workspaceSeatLost
        case workspaceRole, workspaceOwnership, workspaceKeysOfFormerAdmin
        case workspaceKeyCreated, workspaceKeyRevoked, workspaceKeyExpires
        case workspaceFrozen, workspaceUnfrozen, workspaceSeats, workspaceBillingCode
        case workspaceCreditsUsed, workspaceLimit
        case topUpBought, topUpDeclined, topUpOff
    }

    package let kind: Kind
    /// By their names; `nil` where this mail does not have the value.
    package let values: [String: String?]
    /// A secret that is to stand in the mail; its templates see ``Mail/placeOfCode`` for it.
    let code: String?
    /// The workspace that it is about, of which its words say nothing: an owner of several would
    /// not know which.
    private(set) var billedWorkspace: String?

    package init(_ kind: Kind, _ values: [String: String?] = [:], code: String? = nil) {
        self.kind = kind
        self.values = values.merging(code == nil ? [:] : ["code": Mail.placeOfCode]) { $1 }
        self.code = code
    }

    /// The same, of what a workspace pays for.
    package func billed(to workspace: String) -> MailContent {
        var content = self
        content.billedWorkspace = workspace
        return content
    }
}

// MARK: Sign-up and passwords

extension MailContent {
    /// - Parameter isContested: whether several have signed the address up.
    package static func signUpCode(
        _ code: String, minutes: Int64, isContested: Bool
    ) -> MailContent {
        MailContent(
            .signUpCode, ["minutes": "\(minutes)", "contested": isContested ? "yes" : nil],
            code: code)
    }

    /// Goes to the owner of an address that somebody tries to sign up with once more.
    package static let alreadyRegistered = MailContent(.alreadyRegistered)

    package static func passwordReset(_ code: String, minutes: Int64) -> MailContent {
        MailContent(.passwordReset, ["minutes": "\(minutes)"], code: code)
    }

    package static let passwordChanged = MailContent(.passwordChanged)
}

// MARK: Paying

extension MailContent {
    /// - Parameter price: what is charged after a trial, in words.
    package static func planActivated(_ plan: Plan, _ account: Account, price: String)
        -> MailContent
    {
        let isTrial = account.subscription.status == .trialing
        return MailContent(
            .planActivated,
            [
                "plan": plan.name, "price": price,
                "credits": account.context.allocated.decimal,
                "periodEnd": account.context.period.end.day,
                "trialEnd": isTrial ? account.subscription.trialEnd?.day : nil,
                "yearEnd": account.context.year?.end.day,
                "isMonthly": isTrial || account.context.year != nil ? nil : "yes",
            ])
    }

    package static func planUpgraded(_ plan: Plan, _ account: Account) -> MailContent {
        MailContent(
            .planUpgraded,
            [
                "plan": plan.name, "credits": account.context.allocated.decimal,
                "periodEnd": account.context.period.end.day,
                "yearEnd": account.context.year?.end.day,
            ])
    }

    package static func planCanceled(_ plan: Plan, endsAt: Timestamp) -> MailContent {
        MailContent(.planCanceled, ["plan": plan.name, "periodEnd": endsAt.day])
    }

    /// - Parameters:
    ///   - price: what is charged then, in words.
    ///   - isCorrection: whether something else was said before.
    package static func planRenews(
        _ plan: Plan, price: String, at end: Timestamp, isCorrection: Bool
    ) -> MailContent {
        MailContent(
            .planRenews,
            [
                "plan": plan.name, "price": price, "periodEnd": end.day,
                "isCorrection": isCorrection ? "yes" : nil,
            ])
    }

    /// A year follows by a schedule; the same as of one that renews.
    package static func yearBegins(
        _ plan: Plan, price: String, at start: Timestamp, isCorrection: Bool
    ) -> MailContent {
        MailContent(
            .yearBegins,
            [
                "plan": plan.name, "price": price, "start": start.day,
                "isCorrection": isCorrection ? "yes" : nil,
            ])
    }

    /// - Parameters:
    ///   - next: the plan that takes the other's place.
    ///   - price: what it costs, in words.
    package static func planScheduled(
        _ plan: Plan, _ next: Plan, price: String, at start: Timestamp
    ) -> MailContent {
        MailContent(
            .planScheduled,
            [
                "plan": plan.name, "nextPlan": next.name, "price": price, "start": start.day,
                "credits": next.pricing.creditsAllocation.decimal,
            ])
    }

    /// - Parameter price: what it costs, in words.
    package static func planLowered(_ plan: Plan, price: String) -> MailContent {
        MailContent(
            .planLowered,
            [
                "plan": plan.name, "price": price,
                "credits": plan.pricing.creditsAllocation.decimal,
            ])
    }

    /// - Parameter plan: the one that takes its place.
    package static func planEnded(_ plan: Plan) -> MailContent {
        MailContent(.planEnded, ["plan": plan.name])
    }

    /// - Parameter plan: the one that takes its place.
    package static func paymentReturned(_ plan: Plan) -> MailContent {
        MailContent(.paymentReturned, ["plan": plan.name])
    }

    package static func paymentReturnedInPart(_ plan: Plan, _ account: Account) -> MailContent {
        MailContent(
            .paymentReturnedInPart,
            [
                "plan": plan.name, "credits": account.context.allocated.decimal,
                "periodEnd": account.context.period.end.day,
                "yearEnd": account.context.year?.end.day,
            ])
    }

    /// - Parameter isGivenUp: whether nobody awaits the payment any more.
    package static func paymentFailed(
        _ plan: Plan, invoiceURL: String?, retryAt: Timestamp?, isGivenUp: Bool = false
    ) -> MailContent {
        MailContent(
            .paymentFailed,
            [
                "plan": plan.name, "invoiceURL": invoiceURL, "retryAt": retryAt?.day,
                "isAwaited": isGivenUp ? nil : "yes",
            ])
    }

    package static func paymentNeedsAction(_ plan: Plan, invoiceURL: String?) -> MailContent {
        MailContent(.paymentNeedsAction, ["plan": plan.name, "invoiceURL": invoiceURL])
    }

    /// More seats on a plan that stays wait for their payment.
    ///
    /// - Parameter needsAction: whether the bank wants to hear from the card's owner.
    package static func seatsNotPaid(
        _ plan: Plan, invoiceURL: String?, needsAction: Bool
    ) -> MailContent {
        MailContent(
            .seatsNotPaid,
            [
                "plan": plan.name, "invoiceURL": invoiceURL,
                "needsAction": needsAction ? "yes" : nil,
            ])
    }

    /// - Parameters:
    ///   - next: the plan that begins then, the same or another that was to follow.
    ///   - price: what is charged then, in words.
    package static func trialEnds(
        _ plan: Plan, _ next: Plan, price: String, at end: Timestamp
    ) -> MailContent {
        MailContent(
            .trialEnds,
            ["plan": plan.name, "nextPlan": next.name, "price": price, "trialEnd": end.day])
    }
}

// MARK: Packs

extension MailContent {
    /// - Parameters:
    ///   - price: what was paid, in words.
    ///   - end: when what is left ends; `nil`: never.
    package static func packBought(
        _ pack: String, price: String, _ credits: Credits, until end: Timestamp?
    ) -> MailContent {
        MailContent(
            .packBought,
            ["pack": pack, "price": price, "credits": credits.decimal, "end": end?.day])
    }

    /// The same for a pack that was bought by itself.
    package static func topUpBought(
        _ pack: String, price: String, _ credits: Credits, until end: Timestamp?
    ) -> MailContent {
        MailContent(
            .topUpBought,
            ["pack": pack, "price": price, "credits": credits.decimal, "end": end?.day])
    }

    /// - Parameter page: where it can be paid all the same.
    package static func topUpDeclined(
        _ pack: String, price: String, page: String?, retryAt: Timestamp?
    ) -> MailContent {
        MailContent(
            .topUpDeclined,
            ["pack": pack, "price": price, "invoiceURL": page, "retryAt": retryAt?.day])
    }

    /// - Parameter reason: `card_declined`, `pack_changed` or `money_returned`.
    package static func topUpOff(_ pack: String, reason: String) -> MailContent {
        MailContent(
            .topUpOff,
            [
                "pack": pack, "isDeclined": reason == "card_declined" ? "yes" : nil,
                "isChanged": reason == "pack_changed" ? "yes" : nil,
                "isReturned": reason == "money_returned" ? "yes" : nil,
            ])
    }

    package static func packReturned(_ pack: String, _ credits: Credits) -> MailContent {
        MailContent(.packReturned, ["pack": pack, "credits": credits.decimal])
    }
}

// MARK: Credits

extension MailContent {
    /// A period that is over, and whose successor is not paid yet, has no end to look forward to.
    static func creditsUsed(
        _ alert: CreditAlert, mark: CreditAlert.Mark, now: Timestamp
    ) -> MailContent {
        let period = alert.period
        return MailContent(
            mark == .usedUp ? .creditsUsedUp : .creditsNearlyUsedUp,
            [
                "percent": "\(mark.percent)", "used": alert.used.decimal,
                "credits": alert.allocated.decimal,
                "periodEnd": now < period.end ? period.end.day : nil,
                "isFree": period.source == .free ? "yes" : nil,
            ])
    }

    static func limitReached(_ alert: LimitAlert) -> MailContent {
        MailContent(.spendingLimit, values(of: alert))
    }

    static func values(of alert: LimitAlert) -> [String: String?] {
        [
            "percent": "\(alert.percent)", "used": alert.used.decimal,
            "limit": alert.limit.decimal, "until": alert.until.day,
            "isDaily": alert.window == .day ? "yes" : nil,
            "isReached": alert.used >= alert.limit ? "yes" : nil,
        ]
    }
}

extension Timestamp {
    /// The day in UTC, e.g. `2026-01-31`.
    var day: String { String(rfc3339.prefix(10)) }
}
