import HTTPEndpoint

// Refusals of access, in the order in which they are judged.
extension Problem {
    package static let workspaceNotFound = Problem(
        404, "workspace_not_found", "No such workspace", "You are a member of no such workspace.")
    package static let memberDisabled = Problem(
        403, "member_disabled", "Member disabled",
        "Your membership of this workspace is disabled; you may leave it.")
    package static let emailNotVerified = Problem(
        403, "email_not_verified", "Email not verified",
        "Only who has verified an email address may do this.")
    package static let roleRequired = Problem(
        403, "role_required", "Not for your role", "Your role in this workspace may not do this.")
    package static let workspaceSuspended = Problem(
        402, "workspace_suspended", "Workspace suspended",
        "This workspace is suspended; what adds to it is refused.")
    package static let workspaceFrozen = Problem(
        402, "workspace_frozen", "Workspace frozen",
        "The subscription of this workspace has ended; what adds to it is refused.")
    package static let workspaceWithoutSubscription = Problem(
        402, "no_subscription", "No subscription", "This workspace has no subscription yet.")
    package static let workspaceSubscriptionInactive = Problem(
        402, "subscription_inactive", "Subscription inactive",
        "The subscription of this workspace cannot be used until it is paid.")
}

extension Problem {
    package static let personalWorkspace = Problem(
        409, "personal_workspace", "Personal workspace",
        "A personal workspace has one member and stays with its user.")
    static let slugTaken = Problem(
        409, "slug_taken", "Slug taken", "Another workspace has this slug.")
    static let tooManyUnpaidTeams = Problem(
        409, "too_many_unpaid_teams", "Too many unpaid teams",
        "You own as many teams without a subscription as there can be.")
    package static let ownerStays = Problem(
        409, "owner_stays", "Owner",
        "The owner is always an enabled member; give the workspace to another member first.")
    package static let noSeatLeft = Problem(
        409, "no_seat_left", "No seat left", "All seats of this workspace are taken.")
    package static let memberNotFound = Problem(
        404, "member_not_found", "No such member", "The workspace has no such member.")
    package static let notAMember = Problem(
        409, "not_a_member", "Not an enabled member",
        "The new owner must be an enabled member with a verified email.")
}
