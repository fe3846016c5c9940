import HTTPEndpoint
import PageFrame

/// The pages of workspaces, in the order in which somebody meets them.
package func workspacePageRoutes(
    _ frame: SitePageFrame, _ parts: WorkspacePageParts
) -> [Endpoint] {
    let (root, own) = (WorkspacePageParts.root, WorkspacePageParts.root + "/{workspace_id}")
    return form(root, SpacesPage(parts: parts), frame)
        + form(root + "/activate", ActivateButton(parts: parts), frame)
        + [Endpoint(own, SpaceOverview(parts: parts), in: frame)]
        + memberPages(frame, parts, own + "/members")
        + invitationPages(frame, parts, own + "/invitations")
        + keyPages(frame, parts, own + "/keys")
        + [
            Endpoint(own + "/usage", SpaceUsagePage(parts: parts), in: frame),
            Endpoint(own + "/usage/{usage_id}", SpaceCallPage(parts: parts), in: frame),
            Endpoint(own + "/audit", AuditLogPage(parts: parts), in: frame),
        ]
        + planPages(frame, parts, own + "/plan")
        + form(own + "/settings", SpaceSettingsPage(parts: parts), frame)
        + form(own + "/leave", LeavePage(parts: parts), frame)
        + form(own + "/delete", DeleteSpacePage(parts: parts), frame)
        + form("/invitations/{token}", InvitationPage(parts: parts), frame)
}

private func memberPages(
    _ frame: SitePageFrame, _ parts: WorkspacePageParts, _ members: String
) -> [Endpoint] {
    let one = members + "/{user_id}"
    return [Endpoint(members, MembersPage(parts: parts), in: frame)]
        + form(one, MemberPage(parts: parts), frame)
        + form(one + "/status", MemberStatusButton(parts: parts), frame)
        + form(one + "/remove", RemoveMemberPage(parts: parts), frame)
        + form(one + "/transfer", TransferPage(parts: parts), frame)
}

private func invitationPages(
    _ frame: SitePageFrame, _ parts: WorkspacePageParts, _ sent: String
) -> [Endpoint] {
    form(sent, InvitationsPage(parts: parts), frame)
        + form(sent + "/resend", ResendButton(parts: parts), frame)
        + form(sent + "/revoke", RevokeInvitationButton(parts: parts), frame)
}

private func keyPages(
    _ frame: SitePageFrame, _ parts: WorkspacePageParts, _ keys: String
) -> [Endpoint] {
    let one = keys + "/{key_id}"
    return form(keys, KeysPage(parts: parts), frame)
        + form(one, KeyPage(parts: parts), frame)
        + form(one + "/rotate", RotateKeyButton(parts: parts), frame)
        + form(one + "/revoke", RevokeKeyPage(parts: parts), frame)
}

private func planPages(
    _ frame: SitePageFrame, _ parts: WorkspacePageParts, _ plan: String
) -> [Endpoint] {
    [
        Endpoint(plan, SpacePlanPage(parts: parts), in: frame),
        Endpoint(plan + "/paid", SpacePaidPage(parts: parts), in: frame),
    ]
        + form(plan + "/buy", BuyPlanPage(parts: parts), frame)
        + form(plan + "/seats", SeatsPage(parts: parts), frame)
        + form(plan + "/upgrade", UpgradeSpacePage(parts: parts), frame)
        + form(plan + "/downgrade", LowerPlanPage(parts: parts), frame)
        + form(plan + "/billing", SpaceBillingButton(parts: parts), frame)
        + form(plan + "/cancel", CancelSpacePlanPage(parts: parts), frame)
        + form(plan + "/resume", SpaceResumeButton(parts: parts), frame)
        + form(plan + "/members", GiveSeatsPage(parts: parts), frame)
}

private func form<P: FormPage>(_ path: String, _ page: P, _ frame: SitePageFrame) -> [Endpoint] {
    [Endpoint(path, page, in: frame), Endpoint(formOf: page, path, in: frame)]
}
