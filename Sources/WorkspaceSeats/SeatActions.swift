import WorkspaceBilling

/// The actions, for pages that do the same.
extension WorkspaceBillingParts {
    package var previewSeats: PreviewWorkspaceSeats { PreviewWorkspaceSeats(parts: self) }
    package var changeSeats: ChangeWorkspaceSeats { ChangeWorkspaceSeats(parts: self) }
    package var previewPlan: PreviewWorkspaceUpgrade { PreviewWorkspaceUpgrade(parts: self) }
    package var upgradePlan: UpgradeWorkspacePlan { UpgradeWorkspacePlan(parts: self) }
    package var downgradePlan: DowngradeWorkspacePlan { DowngradeWorkspacePlan(parts: self) }
}
