// The words of every mail, as Mustache templates (mustache.github.io/mustache.5.html). This is the
// file to edit: a mail is written once and comes out as plain text and as HTML.
//
// - An empty line separates paragraphs; how a paragraph's lines are broken does not matter.
// - `{{plan}}` puts a value in, escaped where it stands in HTML. A mail has those that are listed
//   with it; they come from MailContent.swift.
// - `{{#trialEnd}} … {{/trialEnd}}` is there only where the value is, `{{^trialEnd}} …` where not.
// - `{{>greeting}}`, `{{>code}}`, `{{>token}}`, `{{>invitationLink}}` and `{{>invoiceLink}}` are
//   the partials of MailLayout.swift; each stands on a line of its own.
//
// What is misspelled, or cannot be read, stops the start of the service and never a mail.

/// A mail's templates.
package struct MailText: Sendable {
    let subject: String
    /// The names that the templates may use, beside the greeting's own.
    package let values: [String]
    let body: String
}

extension MailText {
    /// A mail with a code holds no other number of six digits, so that people and programs find
    /// it; a name that somebody has chosen stands after it. It greets nobody: the address is not
    /// proven yet, or somebody else may have asked for the mail.
    package static let all = ofCareer.merging(ofCredits) { first, _ in first }
        .merging(ofWorkspaces) { first, _ in first }

    private static let ofCareer: [MailContent.Kind: MailText] = [
        .signUpCode: MailText(
            subject: "Your CueBX Career code",
            values: ["code", "minutes", "contested"],
            body: """
                Welcome to CueBX Career. Enter this code to verify your email address:

                {{>code}}

                {{#contested}}
                Several people have asked for an account with this address, with different
                passwords, and none of these is kept. If you did not sign up with another password
                before, somebody else did. Choose your password together with the code, or by a
                reset afterwards.
                {{/contested}}

                It is good for {{minutes}} minutes. If you did not just sign up, ignore this mail
                and give the code to nobody.
                """),
        .alreadyRegistered: MailText(
            subject: "You already have a CueBX Career account",
            values: [],
            body: """
                {{>greeting}}

                Somebody, perhaps you, tried to sign up with this email address. It already has an
                account, and nothing was changed.

                Sign in with your password, or ask for a new one if you have forgotten it. If it
                was not you, there is nothing to do.
                """),
        .passwordReset: MailText(
            subject: "Reset your CueBX Career password",
            values: ["code", "minutes"],
            body: """
                Enter this code to choose a new password:

                {{>code}}

                It is good for {{minutes}} minutes. If you did not ask for it, ignore this mail and
                give the code to nobody; your password stays as it is.
                """),
        .passwordChanged: MailText(
            subject: "Your CueBX Career password was changed",
            values: [],
            body: """
                {{>greeting}}

                The password of your account was just changed, and other devices were signed out.

                If it was not you, reset your password at once.
                """),
        .planActivated: MailText(
            subject: "Your {{plan}} plan is active",
            values: [
                "plan", "price", "credits", "periodEnd", "trialEnd", "yearEnd", "isMonthly",
            ],
            body: """
                {{>greeting}}

                Welcome to {{plan}}. {{credits}} credits are ready for you, until {{periodEnd}}.

                {{#trialEnd}}
                Your trial ends on {{trialEnd}}. Then {{price}} is charged, unless you cancel
                before.
                {{/trialEnd}}
                {{#yearEnd}}
                New credits come each month. The year that you have paid for ends on {{yearEnd}};
                then {{price}} is charged, unless you cancel before.
                {{/yearEnd}}
                {{#isMonthly}}
                Then the plan renews with new credits, unless you cancel before.
                {{/isMonthly}}
                """),
        .planUpgraded: MailText(
            subject: "You are now on {{plan}}",
            values: ["plan", "credits", "periodEnd", "yearEnd"],
            body: """
                {{>greeting}}

                Your upgrade to {{plan}} is done, and its credits are ready: this period has
                {{credits}} now, until {{periodEnd}}.

                {{#yearEnd}}
                New credits come each month. The year that you have paid for ends on {{yearEnd}}.
                {{/yearEnd}}
                """),
        .planCanceled: MailText(
            subject: "Your plan ends on {{periodEnd}}",
            values: ["plan", "periodEnd"],
            body: """
                {{>greeting}}

                You have canceled {{plan}}. You keep it until {{periodEnd}}, and nothing is charged
                any more.

                If you change your mind, resume the plan before that day.
                """),
        .planScheduled: MailText(
            subject: "Your plan changes to {{nextPlan}} on {{start}}",
            values: ["plan", "nextPlan", "price", "start", "credits"],
            body: """
                {{>greeting}}

                On {{start}} your plan changes from {{plan}} to {{nextPlan}}: {{price}}, with
                {{credits}} credits a month. Until then you keep {{plan}} and its credits, and
                nothing is charged.

                If you change your mind, take the change back before that day.
                """),
        .planLowered: MailText(
            subject: "Your plan is {{plan}} now",
            values: ["plan", "price", "credits"],
            body: """
                {{>greeting}}

                The plan has changed to {{plan}}: {{price}}, with {{credits}} credits a month.
                """),
        .planRenews: MailText(
            subject:
                "Your plan renews on {{periodEnd}}"
                + "{{#isCorrection}}: another price{{/isCorrection}}",
            values: ["plan", "price", "periodEnd", "isCorrection"],
            body: """
                {{>greeting}}

                {{#isCorrection}}
                What we told you of your renewal has changed.
                {{/isCorrection}}

                The year of {{plan}} that you have paid for ends on {{periodEnd}}. Then it renews,
                and {{price}} is charged.

                If you do not want that, cancel the plan before that day: you keep it until then.
                """),
        .yearBegins: MailText(
            subject:
                "Your year begins on {{start}}"
                + "{{#isCorrection}}: another price{{/isCorrection}}",
            values: ["plan", "price", "start", "isCorrection"],
            body: """
                {{>greeting}}

                {{#isCorrection}}
                What we told you of your next year has changed.
                {{/isCorrection}}

                On {{start}} your plan changes to {{plan}}, as you have asked for. Then {{price}} is
                charged.

                If you do not want that, take the change back before that day.
                """),
        .planEnded: MailText(
            subject: "Your paid plan has ended",
            values: ["plan"],
            body: """
                {{>greeting}}

                Your paid plan has ended, and you are on {{plan}} now. You can choose a plan at any
                time.
                """),
        .paymentReturned: MailText(
            subject: "Your payment was returned",
            values: ["plan"],
            body: """
                {{>greeting}}

                Your payment was returned. The plan that it paid for has ended, and you are on
                {{plan}} now.
                """),
        .paymentReturnedInPart: MailText(
            subject: "A part of your payment was returned",
            values: ["plan", "credits", "periodEnd", "yearEnd"],
            body: """
                {{>greeting}}

                A part of your payment for {{plan}} was returned, and the same part of its credits
                with it: the period until {{periodEnd}} has {{credits}} credits now. Your plan goes
                on.

                {{#yearEnd}}
                Each month that is still to come of the year until {{yearEnd}} has that part less,
                too.
                {{/yearEnd}}
                """),
        .paymentFailed: MailText(
            subject: "Your payment failed",
            values: ["plan", "invoiceURL", "retryAt", "isAwaited"],
            body: """
                {{>greeting}}

                We could not charge your card for {{plan}}.
                {{#isAwaited}}
                What is left of your credits stays usable for a short while.
                {{/isAwaited}}

                {{#retryAt}}
                We try again on {{retryAt}}. To be sure, check your card or pay now:
                {{/retryAt}}
                {{^retryAt}}
                Please check your card and pay, so that the plan goes on:
                {{/retryAt}}

                {{>invoiceLink}}
                """),
        .paymentNeedsAction: MailText(
            subject: "Please confirm your payment",
            values: ["plan", "invoiceURL"],
            body: """
                {{>greeting}}

                Your bank asks you to confirm the payment of {{plan}}. Until you do, the plan is
                not paid:

                {{>invoiceLink}}
                """),
        .seatsNotPaid: MailText(
            subject: "Your new seats are not paid yet",
            values: ["plan", "invoiceURL", "needsAction"],
            body: """
                {{>greeting}}

                {{#needsAction}}
                Your bank asks you to confirm the payment of more seats on {{plan}}. Until you do,
                the seats and the plan stay as they are:
                {{/needsAction}}
                {{^needsAction}}
                We could not charge your card for more seats on {{plan}}. The seats and the plan
                stay as they are. To have the new seats all the same, pay for them within a day:
                {{/needsAction}}

                {{>invoiceLink}}
                """),
        .trialEnds: MailText(
            subject: "Your trial ends on {{trialEnd}}",
            values: ["plan", "nextPlan", "price", "trialEnd"],
            body: """
                {{>greeting}}

                Your trial of {{plan}} ends on {{trialEnd}}. Then {{nextPlan}} begins, and {{price}}
                is charged.

                If you do not want it, cancel before; it costs nothing until then.
                """),
    ]
}
