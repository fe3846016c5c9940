import ArgumentParser
import Shell

/// How a command answers: with tables and sentences for a person, or with JSON for a program.
struct AnswerOptions: ParsableArguments {
    @Flag(help: "Answer in JSON, for programs.")
    var json = false

    func tell(_ answer: Answer) {
        answer.tell(asJSON: json)
    }
}
