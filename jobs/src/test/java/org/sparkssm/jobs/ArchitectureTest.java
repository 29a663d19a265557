package org.sparkssm.jobs;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.methods;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.core.importer.Location;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/** Who may know whom. */
@AnalyzeClasses(
    packages = "org.sparkssm",
    importOptions = {
      ImportOption.DoNotIncludeTests.class,
      ArchitectureTest.DoNotIncludeTestJars.class
    })
class ArchitectureTest {
  /** The test fixtures of the pipeline come in a jar of their own. */
  static final class DoNotIncludeTestJars implements ImportOption {
    @Override
    public boolean includes(Location location) {
      return !location.contains("-tests.jar") && !location.contains("/test-classes/");
    }
  }

  @ArchTest
  static final ArchRule THE_PIPELINE_KNOWS_NEITHER_FUNCTIONS_NOR_JOBS =
      noClasses()
          .that()
          .resideInAnyPackage(
              "org.sparkssm.data..",
              "org.sparkssm.signature..",
              "org.sparkssm.kernel..",
              "org.sparkssm.model..",
              "org.sparkssm.train..",
              "org.sparkssm.spark..",
              "org.sparkssm.ml..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("org.sparkssm.sql..", "org.sparkssm.jobs..");

  @ArchTest
  static final ArchRule SQL_FUNCTIONS_DO_NOT_KNOW_THE_JOBS =
      noClasses()
          .that()
          .resideInAPackage("org.sparkssm.sql..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("org.sparkssm.jobs..");

  @ArchTest
  static final ArchRule DATA_SIGNATURE_AND_KERNEL_ARE_THE_GROUND =
      noClasses()
          .that()
          .resideInAnyPackage(
              "org.sparkssm.data..", "org.sparkssm.signature..", "org.sparkssm.kernel..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "org.sparkssm.model..",
              "org.sparkssm.train..",
              "org.sparkssm.spark..",
              "org.sparkssm.ml..");

  @ArchTest
  static final ArchRule MODELS_DO_NOT_KNOW_TRAINING =
      noClasses()
          .that()
          .resideInAPackage("org.sparkssm.model..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("org.sparkssm.train..", "org.sparkssm.spark..", "org.sparkssm.ml..");

  @ArchTest
  static final ArchRule TRAINING_DOES_NOT_KNOW_SPARK_PACKAGES =
      noClasses()
          .that()
          .resideInAPackage("org.sparkssm.train..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("org.sparkssm.spark..", "org.sparkssm.ml..");

  @ArchTest
  static final ArchRule THE_SPARK_PACKAGE_DOES_NOT_KNOW_ML =
      noClasses()
          .that()
          .resideInAPackage("org.sparkssm.spark..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("org.sparkssm.ml..");

  @ArchTest
  static final ArchRule PACKAGES_ARE_FREE_OF_CYCLES =
      slices().matching("org.sparkssm.(*)..").should().beFreeOfCycles();

  @ArchTest
  static final ArchRule SPARK_STAYS_AT_THE_EDGE =
      noClasses()
          .that()
          .resideInAnyPackage(
              "org.sparkssm.data..",
              "org.sparkssm.signature..",
              "org.sparkssm.kernel..",
              "org.sparkssm.model..",
              "org.sparkssm.train..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("org.apache.spark..", "scala..", "org.apache.hadoop..");

  @ArchTest
  static final ArchRule NATIVE_METHODS_LIVE_IN_THE_KERNEL_PACKAGE =
      methods()
          .that()
          .haveModifier(JavaModifier.NATIVE)
          .should()
          .beDeclaredInClassesThat()
          .resideInAPackage("org.sparkssm.kernel");

  @ArchTest
  static final ArchRule NO_BREEZE =
      noClasses().should().dependOnClassesThat().resideInAnyPackage("breeze..", "org.scalatest..");

  @ArchTest
  static final ArchRule PICOCLI_STAYS_IN_THE_JOBS =
      noClasses()
          .that()
          .resideOutsideOfPackage("org.sparkssm.jobs..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("picocli..");
}
