/// The words of mails about workspaces; how they are written stands in MailTexts.swift.
extension MailText {
    static let ofWorkspaces: [MailContent.Kind: MailText] = [
        .workspaceInvitation: MailText(
            subject: "You are invited to {{workspace}}",
            values: ["code", "site", "workspace", "days", "isAdmin"],
            body: """
                You are invited to the workspace {{workspace}} of CueBX API, as
                {{#isAdmin}}an admin{{/isAdmin}}{{^isAdmin}}a member{{/isAdmin}}. Open this page,
                and sign in with this address or sign up with it:

                {{>invitationLink}}

                A program accepts the invitation with this token:

                {{>token}}

                It is good for {{days}} days. If you expect no invitation, ignore this mail and give
                the token to nobody.
                """),
        .workspaceJoined: MailText(
            subject: "{{who}} has joined {{workspace}}",
            values: ["workspace", "who"],
            body: """
                {{>greeting}}

                {{who}} has accepted the invitation and is a member of {{workspace}} now.
                """),
        .workspaceLeft: MailText(
            subject: "You were removed from {{workspace}}",
            values: ["workspace"],
            body: """
                {{>greeting}}

                You are no member of the workspace {{workspace}} any more. Your own account stays as
                it is.
                """),
        .workspaceSeatLost: MailText(
            subject: "Your membership of {{workspace}} was disabled",
            values: ["workspace"],
            body: """
                {{>greeting}}

                Your membership of the workspace {{workspace}} was disabled: until you have a seat
                there again you can do nothing in it but leave it.
                """),
        .workspaceRole: MailText(
            subject: "Your role in {{workspace}} was changed",
            values: ["workspace", "isAdmin"],
            body: """
                {{>greeting}}

                In the workspace {{workspace}} you are
                {{#isAdmin}}an admin{{/isAdmin}}{{^isAdmin}}a member{{/isAdmin}} from now on.
                """),
        .workspaceOwnership: MailText(
            subject: "You own {{workspace}} now",
            values: ["workspace"],
            body: """
                {{>greeting}}

                The workspace {{workspace}} was given to you: you are its owner from now on.
                """),
        .workspaceKeysOfFormerAdmin: MailText(
            subject: "Keys of {{workspace}} that a former admin made",
            values: ["workspace", "who", "keys"],
            body: """
                {{>greeting}}

                {{who}} is no admin of {{workspace}} any more, and has made keys that are still
                live: {{keys}}

                If they know these keys, rotate or revoke them.
                """),
        .workspaceKeyCreated: MailText(
            subject: "{{workspace}} has a new key",
            values: ["workspace", "key", "prefix"],
            body: """
                {{>greeting}}

                A key was made for the workspace {{workspace}}: {{key}}, which begins with
                {{prefix}}.

                If no admin of yours made it, revoke it at once.
                """),
        .workspaceKeyRevoked: MailText(
            subject: "A key of {{workspace}} was revoked",
            values: ["workspace", "key", "prefix"],
            body: """
                {{>greeting}}

                The key {{key}} of the workspace {{workspace}}, which begins with {{prefix}}, was
                revoked. Calls with it are refused from now on.
                """),
        .workspaceKeyExpires: MailText(
            subject: "A key of {{workspace}} expires on {{end}}",
            values: ["workspace", "key", "prefix", "end"],
            body: """
                {{>greeting}}

                The key {{key}} of the workspace {{workspace}}, which begins with {{prefix}}, ends
                on {{end}} (UTC). If it is still needed, rotate it before.
                """),
        .workspaceFrozen: MailText(
            subject: "{{workspace}} is frozen",
            values: ["workspace"],
            body: """
                {{>greeting}}

                The subscription of the workspace {{workspace}} has ended, and the workspace is
                frozen: its members are disabled, and its keys let no call in. Nothing is deleted.

                If it is subscribed again, it is active at once, and its owner can enable its
                members anew.
                """),
        .workspaceUnfrozen: MailText(
            subject: "{{workspace}} is active again",
            values: ["workspace", "seats"],
            body: """
                {{>greeting}}

                The workspace {{workspace}} has a subscription again, with {{seats}} seats, of which
                one is its owner's. Its other members are disabled until the owner enables them.
                """),
        .workspaceSeats: MailText(
            subject: "The seats of {{workspace}} were changed",
            values: ["workspace", "seats", "later"],
            body: """
                {{>greeting}}

                The workspace {{workspace}} has {{seats}} seats now.
                {{#later}}
                From the next period on it has {{later}}.
                {{/later}}
                """),
        .workspaceCreditsUsed: MailText(
            subject: "{{workspace}} has used {{percent}} % of its credits",
            values: ["workspace", "percent", "used", "credits", "periodEnd", "isUsedUp"],
            body: """
                {{>greeting}}

                The workspace {{workspace}} has used {{used}} of the {{credits}} credits of this
                period, which is {{percent}} % or more.

                {{#isUsedUp}}
                Calls are refused if nothing else is left that can be spent.
                {{/isUsedUp}}
                {{#periodEnd}}
                The period ends on {{periodEnd}}.
                {{/periodEnd}}
                """),
        .workspaceLimit: MailText(
            subject: """
                {{workspace}} has used {{percent}} % of its own limit for \
                {{#isDaily}}today{{/isDaily}}{{^isDaily}}this month{{/isDaily}}
                """,
            values: ["workspace", "percent", "used", "limit", "until", "isDaily", "isReached"],
            body: """
                {{>greeting}}

                The workspace {{workspace}} has used {{used}} of the {{limit}} credits that its
                owner allows it
                {{#isDaily}}a day{{/isDaily}}{{^isDaily}}a month{{/isDaily}}, which is
                {{percent}} % or more.

                It begins anew on {{until}} (UTC).
                {{#isReached}}
                Calls that cost something are refused until then.
                {{/isReached}}
                The owner can change the limits at any time.
                """),
        .workspaceBillingCode: MailText(
            subject: "The code for a workspace's bills",
            values: ["code", "workspace", "minutes"],
            body: """
                The owner of a workspace of CueBX API wants its bills to go to this address. If that
                is right, tell the owner this code:

                {{>code}}

                It is good for {{minutes}} minutes. The workspace is called {{workspace}}. If you
                know nothing of it, ignore this mail and give the code to nobody.
                """),
    ]
}
