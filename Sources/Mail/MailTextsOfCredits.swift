extension MailText {
    /// Mails on credits: that they run out, are bought and go back with their money. How they are
    /// written is told in MailTexts.swift.
    static let ofCredits: [MailContent.Kind: MailText] = [
        .packBought: MailText(
            subject: "Your credits are there",
            values: ["pack", "price", "credits", "end"],
            body: """
                {{>greeting}}

                Thank you for buying {{pack}} for {{price}}. {{credits}} credits are there now,
                beside those of your plan, and are used after them.

                {{#end}}
                What is left of them ends on {{end}} (UTC).
                {{/end}}
                {{^end}}
                They do not expire.
                {{/end}}
                """),
        .topUpBought: MailText(
            subject: "Your credits were topped up",
            values: ["pack", "price", "credits", "end"],
            body: """
                {{>greeting}}

                Your credits ran low, and {{pack}} was bought for {{price}}, as you have set it.
                {{credits}} credits are there now, beside those of your plan.

                {{#end}}
                What is left of them ends on {{end}} (UTC).
                {{/end}}
                {{^end}}
                They do not expire.
                {{/end}}

                You can change this or switch it off in your account at any time.
                """),
        .topUpDeclined: MailText(
            subject: "Your automatic top-up failed",
            values: ["pack", "price", "invoiceURL", "retryAt"],
            body: """
                {{>greeting}}

                Your credits ran low, and your card was not charged {{price}} for {{pack}}: your
                bank has declined it, or wants you to confirm it.

                {{#retryAt}}
                We try again on {{retryAt}} (UTC), three times at most, and then switch the
                automatic top-up off.
                {{/retryAt}}
                {{#invoiceURL}}
                Until then you can pay it yourself:

                {{>invoiceLink}}
                {{/invoiceURL}}
                """),
        .topUpOff: MailText(
            subject: "Your automatic top-up is off",
            values: ["pack", "isDeclined", "isChanged", "isReturned"],
            body: """
                {{>greeting}}

                {{pack}} is not bought by itself any more when your credits run low.

                {{#isDeclined}}
                Your card could not be charged for it.
                {{/isDeclined}}
                {{#isChanged}}
                The pack is sold no longer as you agreed to it.
                {{/isChanged}}
                {{#isReturned}}
                Money that you paid for credits went back, or your bank holds it.
                {{/isReturned}}

                Nothing switches it on again but you, in your account.
                """),
        .packReturned: MailText(
            subject: "Your payment for credits was returned",
            values: ["pack", "credits"],
            body: """
                {{>greeting}}

                Your payment for {{pack}}, or a part of it, was returned, and {{credits}} of its
                credits were taken back with it. What you had used of them is not owed.
                """),
        .creditsNearlyUsedUp: MailText(
            subject: "You have used {{percent}} % of your credits",
            values: ["percent", "used", "credits", "periodEnd", "isFree"],
            body: """
                {{>greeting}}

                You have used {{used}} of the {{credits}} credits of this period, which is
                {{percent}} % or more.

                {{#periodEnd}}
                The period ends on {{periodEnd}}.
                {{/periodEnd}}
                {{#isFree}}
                If you need more before, a paid plan gives you more at once.
                {{/isFree}}
                """),
        .creditsUsedUp: MailText(
            subject: "You have used all of your credits",
            values: ["percent", "used", "credits", "periodEnd", "isFree"],
            body: """
                {{>greeting}}

                You have used all {{credits}} credits of this period.

                {{#periodEnd}}
                The period ends on {{periodEnd}}.
                {{/periodEnd}}
                {{#isFree}}
                If you need more before, a paid plan gives you more at once.
                {{/isFree}}
                """),
        .spendingLimit: MailText(
            subject: """
                You have used {{percent}} % of your own limit for \
                {{#isDaily}}today{{/isDaily}}{{^isDaily}}this month{{/isDaily}}
                """,
            values: ["percent", "used", "limit", "until", "isDaily", "isReached"],
            body: """
                {{>greeting}}

                You have used {{used}} of the {{limit}} credits that you allow yourself
                {{#isDaily}}a day{{/isDaily}}{{^isDaily}}a month{{/isDaily}}, which is
                {{percent}} % or more.

                It begins anew on {{until}} (UTC).
                {{#isReached}}
                Calls that cost something are refused until then.
                {{/isReached}}
                You can change your limits in your account at any time.
                """),
    ]
}
