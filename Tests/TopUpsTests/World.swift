import Foundation
import Ledger
import TopUps
import Values

/// A user with an automatic top-up, a bank, an invoice a purchase, processes that are killed
/// between any two of their steps, webhooks that come late, twice or never, and a clock that jumps.
/// It keeps what happened, to be judged.
struct World {
    struct Invoice {
        enum Status { case open, paid, void }
        var status = Status.open
        var charges = 0
        /// Answers of the bank by the keys of the tries, which Stripe repeats.
        var answers: [String: String?] = [:]
    }

    /// Money that went through.
    struct Charge {
        let purchase: UUID
        let at: Timestamp
        /// What was agreed to then; `nil`: the user paid on the invoice's page.
        let maximum: Int64?
    }

    /// A try that failed, as it was counted.
    struct Failure {
        let outage: Int
        let at: Timestamp
    }

    /// What was told of a card, and when its outage began.
    struct Mail {
        let news: TopUpState.News
        let outage: Int
    }

    static let start = Timestamp(rfc3339: "2026-01-31T12:00:00Z")!
    static let pack = terms("100", cents: 500)
    static let other = terms("300", cents: 1200)

    static func terms(_ credits: String, cents: Int64) -> TopUpTerms {
        TopUpTerms(
            packID: UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)), packName: "Pack",
            credits: Credits(decimal: credits)!, validDays: nil,
            price: Money(amount: cents, currency: .usd)!)
    }

    var now = start
    var state: TopUpState
    var random: SeededGenerator
    var invoices: [UUID: Invoice] = [:]
    var begun: [Timestamp] = []
    var tries: [(purchase: UUID, at: Timestamp, number: Int64)] = []
    var charges: [Charge] = []
    var failures: [Failure] = []
    var granted: [UUID: Int] = [:]
    var mails: [Mail] = []
    var offers = World.pack
    /// What the card does now: `nil` pays, else the code of the decline.
    var card: String?
    /// The card that the customer has now, and the one that failed last.
    var cardName = "pm_1"
    var failedCard: String?
    var isLow = true
    var mayBuy = true
    /// Paid purchases whose event has not come yet.
    var events: [UUID] = []
    /// Outages are numbered: a payment begins the next, or a new consent with another card or after
    /// the card was given up.
    var outage = 0
    /// When purchases were tried last or heard to be paid, whatever is later.
    var paid: [UUID: Timestamp] = [:]
    var faults: [String] = []

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        state = TopUpState(
            userID: UUID(uuid: (9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9)),
            consent: TopUpConsent(
                terms: World.pack, below: Credits(decimal: "10")!, monthlyMaximum: 3),
            off: nil)
        state.set(state.consent, isOn: true, at: now)
    }

    mutating func chance(_ percent: Int) -> Bool {
        Int.random(in: 0..<100, using: &random) < percent
    }

    /// Loads the state as a database transaction does: what is judged by the month is the month's.
    mutating func load() {
        let month = SpendingLimits.Window.month.start(of: now)
        state.load(dueAt: state.dueAt, paidThisMonth: Int64(paid.values.count { $0 >= month }))
    }

    // MARK: What happens

    mutating func step() {
        let wasOn = state.isOn
        var isUsers = false
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<30: chargeCredits()
        case 30..<55: work()
        case 55..<65: hear()
        case 65..<75: pass()
        case 75..<80: changeCard()
        case 80..<85: isLow.toggle()
        case 85..<87: mayBuy.toggle()
        case 87..<89: offers = chance(50) ? World.pack : World.other
        case 89..<91: payOnPage()
        case 91..<93: _ = state.switchOff(.moneyReturned, at: now)
        default:
            isUsers = true
            user()
        }
        if !wasOn && state.isOn && !isUsers { faults.append("it switched itself on") }
    }

    /// A charge leaves too little, or not.
    private mutating func chargeCredits() {
        if isLow && state.isOn && state.dueAt == nil {
            state.load(dueAt: now, paidThisMonth: state.paidThisMonth)
        }
    }

    private mutating func pass() {
        let spans: [Int64] = [1, 60, 301, 3_600, 3_601, 43_200, 86_400, 86_401, 5 * 86_400]
        now = now.adding(seconds: spans.randomElement(using: &random)!)
    }

    private mutating func changeCard() {
        card = chance(50) ? nil : ["insufficient_funds", "lost_card"][chance(80) ? 0 : 1]
        if chance(20) { cardName = ["pm_1", "pm_2"].randomElement(using: &random)! }
    }

    private mutating func user() {
        load()
        let isOn = chance(70)
        let consent = TopUpConsent(
            terms: chance(60) ? state.consent.terms : offers, below: state.consent.below,
            monthlyMaximum: Int64.random(in: 1...4, using: &random))
        if isOn && state.isBarred(at: now) { return }
        let isRestart = failedCard != cardName || state.off?.reason == .cardDeclined
        if TopUpState.needsProof(of: consent, isOn: isOn, after: state), isRestart { outage += 1 }
        state.set(consent, isOn: isOn, card: cardName, at: now)
    }

    private mutating func payOnPage() {
        guard let open = state.inFlight, invoices[open.id]?.status == .open else { return }
        invoices[open.id]?.status = .paid
        charges.append(Charge(purchase: open.id, at: now, maximum: nil))
        events.append(open.id)
    }

    // MARK: The service

    private mutating func work() {
        load()
        let situation = TopUpState.Situation(
            isLow: isLow, mayBuy: mayBuy, offer: offers, card: cardName)
        let before = state.purchase
        let id = UUID.version7(at: now, randomness: .random(in: .min ... .max, using: &random))
        let (step, news) = state.proceed(situation, id: id, at: now)
        tell(news)
        switch step {
        case .rest: return
        case .charge(let purchase):
            if before?.id != purchase.id { begun.append(now) }
            if before?.id != purchase.id || before?.tries != purchase.tries {
                tries.append((purchase.id, now, purchase.tries))
                if !state.isOn || !mayBuy || !isLow { faults.append("a try that may not be") }
            }
            if !chance(15) { attempt(purchase) }
        case .giveUp(let purchase):
            if !chance(15) { giveUp(purchase) }
        }
    }

    private mutating func attempt(_ purchase: TopUpPurchase) {
        var invoice = invoices[purchase.id] ?? Invoice()
        invoices[purchase.id] = invoice
        guard !chance(10), state.made(purchase.id.text, of: purchase.id),
            state.isUnderWay(purchase, at: now)
        else { return }
        guard invoice.status == .open else { return found(purchase) }
        let key = "\(purchase.tries)"
        let answer = invoice.answers[key] ?? card
        if invoice.answers[key] == nil, answer == nil {
            invoice.status = .paid
            invoice.charges += 1
            charges.append(
                Charge(
                    purchase: purchase.id, at: now, maximum: state.consent.monthlyMaximum))
            events.append(purchase.id)
            judge(purchase)
        }
        invoice.answers[key] = .some(answer)
        invoices[purchase.id] = invoice
        // Killed before the answer is kept.
        if chance(15) { return }
        guard let answer else { return settle(purchase.id) }
        let before = state.outage
        tell(state.declined(purchase.id, try: purchase.tries, code: answer, at: now))
        guard state.outage != before else { return }
        failures.append(Failure(outage: outage, at: purchase.triedAt))
        failedCard = purchase.card
    }

    /// A card was charged just now, by a try that was decided on a moment or long ago.
    private mutating func judge(_ purchase: TopUpPurchase) {
        if !state.isOn || !mayBuy || !isLow { faults.append("a charge that may not be") }
        if !purchase.terms.sellsTheSame(as: state.consent.terms) {
            faults.append("a charge for what is agreed to no longer")
        }
    }

    private mutating func found(_ purchase: TopUpPurchase) {
        if invoices[purchase.id]?.status == .paid {
            settle(purchase.id)
        } else {
            giveUp(purchase)
        }
    }

    private mutating func giveUp(_ purchase: TopUpPurchase) {
        if invoices[purchase.id]?.status == .paid { return settle(purchase.id) }
        invoices[purchase.id]?.status = .void
        if chance(15) { return }
        state.gaveUp(purchase.id)
    }

    /// What an event tells is fetched anew.
    private mutating func hear() {
        guard let id = events.randomElement(using: &random) else { return }
        if chance(60) { events.removeAll { $0 == id } }
        if chance(85) { settle(id) }
    }

    private mutating func settle(_ id: UUID) {
        guard invoices[id]?.status == .paid else { return }
        if granted[id] == nil {
            granted[id] = 1
            outage += 1
            failedCard = nil
            paid[id] = now
        }
        state.paid(id, by: id.text, at: now)
    }

    private mutating func tell(_ news: [TopUpState.News]) {
        mails += news.map { Mail(news: $0, outage: outage) }
    }
}

/// A small random generator with a seed (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
