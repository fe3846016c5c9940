/// The mails of sign-up and passwords. A mail with a code holds no other number of six digits, so
/// that people and programs find it.
extension Mail {
    static func signUpCode(_ code: String, to recipient: String) -> Mail {
        Mail(
            to: recipient, subject: "Your CueBX Career code",
            paragraphs: [
                "Welcome to CueBX Career. Enter this code to verify your email address:",
                code,
                "It is good for ten minutes. If you did not just sign up, ignore this mail and "
                    + "give the code to nobody.",
            ])
    }

    /// Goes to the owner of an address that somebody tries to sign up with once more.
    static func alreadyRegistered(to recipient: String) -> Mail {
        Mail(
            to: recipient, subject: "You already have a CueBX Career account",
            paragraphs: [
                "Somebody, perhaps you, tried to sign up with this email address. It already has "
                    + "an account, and nothing was changed.",
                "Sign in with your password, or ask for a new one if you have forgotten it. If "
                    + "it was not you, there is nothing to do.",
            ])
    }

    static func passwordResetCode(_ code: String, to recipient: String) -> Mail {
        Mail(
            to: recipient, subject: "Reset your CueBX Career password",
            paragraphs: [
                "Enter this code to choose a new password:",
                code,
                "It is good for ten minutes. If you did not ask for it, ignore this mail and give "
                    + "the code to nobody; your password stays as it is.",
            ])
    }

    static func passwordChanged(to recipient: String) -> Mail {
        Mail(
            to: recipient, subject: "Your CueBX Career password was changed",
            paragraphs: [
                "The password of your account was just changed, and other devices were signed "
                    + "out.",
                "If it was not you, reset your password at once.",
            ])
    }
}
