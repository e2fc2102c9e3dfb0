"""Why a job can fail: every code, whose fault it is, and what its owner can do.

The page shows the run's own words, which may quote the file; where it has no hint, this one.  Mails
show these words only.  docs/failures.md lists the same for people.
"""

from dataclasses import dataclass

from gas.domain.job import Failure, Fault, Job


@dataclass(frozen=True)
class Reason:
    """What a code means: whose fault, in words that quote nothing, and what can be done."""

    fault: Fault
    text: str
    hint: str


REASONS: dict[str, Reason] = {
    "not-a-vcf": Reason(
        Fault.INPUT,
        "The file is not a VCF.",
        "Choose the VCF itself: its first line begins with ##fileformat=VCF.",
    ),
    "empty": Reason(
        Fault.INPUT,
        "The file is empty.",
        "Upload it again; an interrupted download often leaves an empty file.",
    ),
    "no-header": Reason(
        Fault.INPUT,
        "The file has no VCF header.",
        "Keep the header when you filter: bcftools view -h shows it.",
    ),
    "bad-column-line": Reason(
        Fault.INPUT,
        "The file's #CHROM line is not that of a VCF.",
        "Its columns are separated by tabs and named as the VCF specification says.",
    ),
    "duplicate-sample": Reason(
        Fault.INPUT,
        "Two samples of the file have the same name.",
        "Rename one of them, for example with bcftools reheader.",
    ),
    "truncated-gzip": Reason(
        Fault.INPUT,
        "The compressed file ends too early.",
        "Copy or download it again, and check it with gzip -t.",
    ),
    "corrupt-gzip": Reason(
        Fault.INPUT,
        "The compressed file is damaged.",
        "Copy or download it again, and check it with gzip -t.",
    ),
    "corrupt-bcf": Reason(
        Fault.INPUT,
        "The BCF file is damaged or ends too early.",
        "Convert it anew: bcftools view -O z.",
    ),
    "compression-bomb": Reason(
        Fault.INPUT,
        "The file grows too much when it is decompressed.",
        "Upload it as it was made, compressed once.",
    ),
    "line-too-long": Reason(
        Fault.INPUT,
        "A line of the file is too long.",
        "Split the samples over several files.",
    ),
    "header-too-large": Reason(
        Fault.INPUT,
        "The file's header is too large.",
        "Leave out header lines that no record uses.",
    ),
    "too-many-contigs": Reason(
        Fault.INPUT,
        "The file names more contigs than an index can hold.",
        "Split it by contig.",
    ),
    "assembly-unknown": Reason(
        Fault.INPUT,
        "The file does not say which genome assembly its positions are on.",
        "Choose the assembly when you submit the file.",
    ),
    "assembly-ambiguous": Reason(
        Fault.INPUT,
        "The file speaks for more than one genome assembly.",
        "Choose the assembly when you submit the file.",
    ),
    "assembly-mismatch": Reason(
        Fault.INPUT,
        "The file does not fit the genome assembly that was chosen.",
        "Choose another assembly, or let it be detected.",
    ),
    "input-changed": Reason(
        Fault.INPUT,
        "The uploaded file was replaced or deleted after the job was submitted.",
        "Upload the file again and submit a new job.",
    ),
    "too-large": Reason(
        Fault.INPUT,
        "The file is larger than your plan allows.",
        "Upgrade to Premium, or submit a smaller file.",
    ),
    "no-account": Reason(
        Fault.INPUT,
        "The account this job belongs to no longer exists.",
        "Sign in, and submit the file again.",
    ),
    "chain-missing": Reason(
        Fault.SERVICE,
        "The service lacks the data to lift this file's assembly.",
        "Lift the file to GRCh37 or GRCh38 yourself, or ask the operators to install the chain.",
    ),
    "out-of-memory": Reason(
        Fault.SERVICE,
        "Annotating the file takes more memory than a job may use.",
        "Split the file, for example by chromosome, and submit the parts.",
    ),
    "timeout": Reason(
        Fault.SERVICE,
        "Annotating the file takes longer than a job may run.",
        "Split the file, for example by chromosome, and submit the parts.",
    ),
    "engine-hung": Reason(
        Fault.SERVICE,
        "The annotation engine stood still on this file.",
        "The operators can see the failure. Please submit the job again later.",
    ),
    "engine-crashed": Reason(
        Fault.SERVICE,
        "The annotation engine failed on this file.",
        "The operators can see the failure. Please submit the job again later.",
    ),
    "result-incomplete": Reason(
        Fault.SERVICE,
        "The result was not whole, so it was thrown away.",
        "The operators can see the failure. Please submit the job again later.",
    ),
    "service": Reason(
        Fault.SERVICE,
        "The service could not finish this job.",
        "The operators can see the failure. Please submit the job again later.",
    ),
}

UNNAMED: dict[Fault, Reason] = {
    Fault.INPUT: Reason(
        Fault.INPUT,
        "Something in the file could not be understood.",
        "The log names the place. Mend it there and submit the file again.",
    ),
    Fault.SERVICE: REASONS["service"],
}
"""For a code that another engine brings along."""


def reason_of(code: str, fault: Fault) -> Reason:
    """What the code means; `fault` decides for a code that is not known here."""
    return REASONS.get(code, UNNAMED[fault])


def gave_up(job: Job) -> Failure:
    """The end of a job that kept failing through our fault."""
    runs = "1 run" if job.attempt == 1 else f"{job.attempt} runs"
    text = (
        f"The service could not finish this job in {runs}; the fault is ours."
        if job.attempt
        else "The service could not start this job; the fault is ours."
    )
    return Failure(
        code="service",
        text=text,
        hint="The operators can see the failure. Please submit the job again later.",
        fault=Fault.SERVICE,
    )
