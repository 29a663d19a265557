package org.sparkssm.jobs.experiment;

import java.util.ArrayList;
import java.util.List;
import org.sparkssm.jobs.report.Plot;

/** What an experiment found: verdicts on claims of the theory, tables and plots. */
final class Findings {
  /** Whether the data bear a claim out. */
  enum Verdict {
    HOLDS("holds"),
    FAILS("does not hold"),
    OPEN("is not decided");

    private final String words;

    Verdict(String words) {
      this.words = words;
    }

    String words() {
      return words;
    }

    static Verdict of(boolean holds) {
      return holds ? HOLDS : FAILS;
    }
  }

  /**
   * A claim and what became of it.
   *
   * @param claim a sentence of the theory
   * @param evidence the numbers, in a sentence
   */
  record Claim(String claim, Verdict verdict, String evidence) {}

  /** A table; the columns from the {@code numbers}th on hold numbers. */
  record Table(String caption, List<String> head, List<List<String>> rows, int numbers) {}

  /**
   * A plot.
   *
   * @param name of its file, without ending
   */
  record Figure(String name, String caption, Plot plot) {}

  private final List<Claim> claims = new ArrayList<>();
  private final List<Table> tables = new ArrayList<>();
  private final List<Figure> figures = new ArrayList<>();

  Findings claim(String claim, Verdict verdict, String evidence) {
    claims.add(new Claim(claim, verdict, evidence));
    return this;
  }

  Findings table(String caption, List<String> head, List<List<String>> rows, int numbers) {
    tables.add(new Table(caption, head, rows, numbers));
    return this;
  }

  Findings figure(String name, String caption, Plot plot) {
    figures.add(new Figure(name, caption, plot));
    return this;
  }

  List<Claim> claims() {
    return claims;
  }

  List<Table> tables() {
    return tables;
  }

  List<Figure> figures() {
    return figures;
  }
}
